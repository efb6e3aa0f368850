"""As docs/install.md says: `down`, another version, `up`; and back again. VPSes and terminals go on."""

import dataclasses
from collections.abc import Iterator

import pytest

from tests.e2e.access.person import person
from tests.e2e.conftest import Cluster, a_manifest, containers, free_port, ssh_ports
from tests.upgrade.version import BEFORE, NOW


def named(cluster: Cluster) -> str:
    """Its VPS: no other cluster of this engine has one of that name."""
    return f"dev-{cluster.port}"


@pytest.fixture
def cluster(tmp_path, engine, versions) -> Iterator[Cluster]:
    """Of the version before, with a VPS in it."""
    options = ("--ssh-port-range", ssh_ports(2), "--timeout", "5m")
    one = Cluster(tmp_path, free_port(), options, bin=versions[BEFORE].bin)
    one.up()
    one.apply(a_manifest(named(one)))
    one.wait_running(named(one))
    yield one
    if one.data_dir.exists():
        dataclasses.replace(one, bin=versions[NOW].bin).down("--purge")


def test_down_another_version_and_up_and_back_again(cluster, engine, versions):
    [before] = containers(engine, named(cluster))
    started = engine.inspect_container(before["Id"])["State"]["StartedAt"]
    with person(cluster, "connect", named(cluster)) as she:
        she.prompt()
        she.ask("remembered=yes; true")
        stopping = cluster
        for name in (NOW, BEFORE):
            other = dataclasses.replace(cluster, bin=versions[name].bin)
            assert "VPSes keep running" in stopping.down()
            assert "kohakuriver runs in the background" in other.up()
            assert other.phase(named(cluster)) == "running"
            assert she.ask("echo $remembered", within=120) == "yes\n"
            stopping = other
        she.type("exit\r")
        assert she.leaves() == 0
    [after] = containers(engine, named(cluster))
    assert after["Id"] == before["Id"]
    assert engine.inspect_container(after["Id"])["State"]["StartedAt"] == started


def test_a_cluster_that_the_version_before_started_is_stopped_by_this_one(cluster, engine, versions):
    [before] = containers(engine, named(cluster))
    now = dataclasses.replace(cluster, bin=versions[NOW].bin)
    assert "kohakuriver already runs from" in now.up()
    assert "stopping the cluster" in now.cli("down", "--data-dir", str(now.data_dir)).err
    now.up()
    now.wait_running(named(cluster))
    assert [one["Id"] for one in containers(engine, named(cluster))] == [before["Id"]]
