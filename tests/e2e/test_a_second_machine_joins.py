"""`token create --join` prints one command; run elsewhere, it makes that machine a node that stays one."""

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from kohakuriver.client.config import JOIN_TOKEN
from tests.e2e.conftest import Cluster, a_manifest, containers, eventually, ssh_ports
from tests.e2e.processes import Process

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the machine that tests has no neighbours
QUICK = ["--ssh-port-range", ssh_ports(1), "--cores", "1", "--memory", "1Gi", "--renew", "1s"]


@pytest.fixture
def cluster(new_cluster) -> Cluster:  # type: ignore[no-untyped-def]
    one: Cluster = new_cluster(
        "--ssh-port-range", ssh_ports(0), "--listen", EVERYWHERE, "--advertise", "localhost"
    )
    one.up()
    return one


@contextlib.contextmanager
def running(cluster: Cluster, name: str, words: list[str], *, token: str = "") -> Iterator[Process]:
    """An agent as its machine's administrator starts it."""
    program = [sys.executable, "-P", "-m", "kohakuriver.cli"]
    command = [*program, *words, "--data-dir", str(cluster.folder / name), *QUICK]
    environment = {"HOME": str(cluster.folder / "elsewhere"), **({JOIN_TOKEN: token} if token else {})}
    process = Process(name, command, cluster.folder / f"{name}.log", environment)
    process.start()
    try:
        yield process
    finally:
        process.kill()


def join_command(cluster: Cluster, *options: str) -> tuple[list[str], str]:
    """The words behind the program's name, for an agent in the foreground, and the token, which is none of
    them."""
    installed = cluster.ok("token", "create", "--join", *options).splitlines()[-1]
    words = shlex.split(installed.removeprefix("# "))
    assert (words[0], words[-4:-1]) == ("kohakuriver", ["--token", "-", "--install-service"])
    return words[1:-4], words[-1].removeprefix("<<<")


def is_ready(cluster: Cluster, name: str) -> bool:
    result = cluster.cli("get", "node", name, "-o", "json")
    conditions = json.loads(result.out)["status"].get("conditions") or [] if result.code == 0 else []
    told = {condition["type"]: condition["status"] for condition in conditions}
    return told.get("Ready") == told.get("RuntimeReady") == "True"


def container_id(engine: docker.APIClient, name: str) -> str:
    [found] = containers(engine, name, all=False)
    return str(found["Id"])


@pytest.mark.fault(10)
def test_a_second_machine_joins_runs_vpses_and_needs_its_join_token_no_more(
    cluster: Cluster, engine: docker.APIClient, tmp_path: Path
) -> None:
    words, token = join_command(cluster, "--ttl", "10m")
    assert words[words.index("--join") + 1] == f"https://localhost:{cluster.port}"
    here = json.loads(cluster.ok("get", "nodes", "-o", "json"))["items"][0]["metadata"]["name"]

    with running(cluster, "second", [*words, "--node", "second"], token=token) as agent:
        eventually(lambda: is_ready(cluster, "second") or not agent.is_alive)
        assert agent.is_alive, agent.tail()
        for name, node in (("a", here), ("b", "second")):
            cluster.apply(a_manifest(name, more=f"  placement: {{node: {node}}}\n"))
            cluster.wait_running(name)
        ids = {name: container_id(engine, name) for name in ("a", "b")}

        with running(cluster, "third", [*words, "--node", "second"], token=token) as other:
            eventually(lambda: not other.is_alive)
            assert other.code == 1
            assert "there is a node of this name already" in other.tail()

    # The join token is taken back; what the machine has of its own is enough.
    [revoked] = [
        line.split()[0] for line in cluster.ok("token", "list").splitlines() if line.startswith("join-")
    ]
    cluster.ok("token", "revoke", revoked)
    before = json.loads(cluster.ok("get", "leases", "second", "-n", "kohakuriver-node-lease", "-o", "json"))
    with running(cluster, "second", ["agent", "--node", "second"]) as agent:

        def renews() -> bool:
            now = json.loads(
                cluster.ok("get", "leases", "second", "-n", "kohakuriver-node-lease", "-o", "json")
            )
            return bool(now["spec"]["renewTime"] != before["spec"]["renewTime"])

        eventually(renews)
        cluster.apply(a_manifest("c", more="  placement: {node: second}\n"))
        cluster.wait_running("c")
        assert {name: container_id(engine, name) for name in ids} == ids, "two agents do not fight"

        cluster.ok("token", "revoke", "node-second")
        with running(
            cluster,
            "again",
            ["agent", "--node", "second", "--config", str(cluster.folder / "second" / "agent.config")],
        ) as refused:
            eventually(lambda: not refused.is_alive)
            assert "not known to this server" in refused.tail()
        for name in ("b", "c"):
            cluster.ok("delete", "vps", name, "--no-wait")
