"""Kill what can be killed, in the middle of the work, and look at the end state."""

import contextlib
import json
import os
import signal

import pytest

from tests.e2e.conftest import Cluster, a_manifest, containers, eventually


def processes(cluster: Cluster) -> dict[str, int]:
    """The pids of a cluster's programs, as `up` keeps them: only these are ever killed here."""
    state = json.loads((cluster.data_dir / "run.json").read_text())
    return {name: entry["pid"] for name, entry in state["programs"].items()}


@pytest.mark.fault(30, 37, 40)
def test_ten_vpses_all_run_though_every_program_is_killed_in_the_middle(new_cluster, engine):
    cluster = new_cluster("--ssh-address", "off")
    cluster.up()
    names = [f"ten-{number}" for number in range(10)]
    cluster.apply("---\n".join(a_manifest(name) for name in names))

    supervisor = json.loads((cluster.data_dir / "run.json").read_text())["supervisor"]["pid"]
    for pid in (supervisor, *processes(cluster).values()):
        with contextlib.suppress(ProcessLookupError):  # the programs die with their supervisor
            os.kill(pid, signal.SIGKILL)
    cluster.up()

    for name in names:
        cluster.wait_running(name)
    running = [c for name in names for c in containers(engine, name)]
    assert len(running) == 10
    assert {c["State"] for c in running} == {"running"}
    bookings = json.loads(cluster.ok("get", "nodeallocations", "-o", "json"))["items"][0]["bookings"]
    assert sorted(booking["name"] for booking in bookings.values()) == sorted(names)


@pytest.mark.fault(1, 36)
@pytest.mark.parametrize("victim", ["agent", "apiserver", "controller", "etcd"])
def test_a_killed_program_is_started_again_and_no_container_notices(cluster: Cluster, engine, victim):
    name = f"calm-{victim}"
    cluster.apply(a_manifest(name))
    cluster.wait_running(name)
    [before] = containers(engine, name)
    started = engine.inspect_container(before["Id"])["State"]["StartedAt"]
    old = processes(cluster)[victim]

    os.kill(old, signal.SIGKILL)

    eventually(lambda: processes(cluster).get(victim, old) != old)
    eventually(lambda: cluster.cli("get", "vps", name).code == 0)
    cluster.apply(a_manifest(f"{name}-after"))
    cluster.wait_running(f"{name}-after")
    assert cluster.phase(name) == "running"
    [after] = containers(engine, name)
    assert after["Id"] == before["Id"]
    assert engine.inspect_container(after["Id"])["State"]["StartedAt"] == started
    cluster.ok("delete", "vps", name, f"{name}-after")


def test_down_leaves_containers_running_and_up_finds_them_again(new_cluster, engine):
    cluster = new_cluster("--ssh-address", "off")
    cluster.up()
    cluster.apply(a_manifest("stay"))
    cluster.wait_running("stay")
    [before] = containers(engine, "stay")

    cluster.down()
    [during] = containers(engine, "stay")
    assert during["State"] == "running"
    cluster.up()
    cluster.wait_running("stay")
    [after] = containers(engine, "stay")
    assert after["Id"] == before["Id"]
    assert cluster.get("stay")["status"]["observed"]["container"].get("restarts", 0) == 0


@pytest.mark.fault(29)
def test_two_clusters_on_one_engine_never_see_each_other(new_cluster, engine):
    one, other = new_cluster("--ssh-address", "off"), new_cluster("--ssh-address", "off")
    one.up()
    other.up()
    for cluster in (one, other):
        cluster.apply(a_manifest("twin"))
        cluster.wait_running("twin")
    assert len(containers(engine, "twin")) == 2

    one.ok("delete", "vps", "twin")
    one.down("--purge")

    [left] = containers(engine, "twin")
    assert left["State"] == "running"
    assert left["Labels"]["kohakuriver.io/uid"] == other.get("twin")["metadata"]["uid"]
    assert not one.data_dir.exists()


def test_a_second_up_says_what_is_already_running(cluster: Cluster):
    told = cluster.up()
    assert "already" in told
    assert str(cluster.port) in told
