"""The cluster of docs/operations.md, by the units of manifests/systemd: three etcds, two API servers.

The machines are loopback addresses of one, and only the first has an agent.
"""

import base64
import dataclasses
import json
import os
import shlex
import string
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from kohakuriver import private_file
from tests.e2e.conftest import BIN, PROJECT, Result, a_manifest, containers, eventually
from tests.e2e.processes import Process
from tests.etcd import find_etcd

PROGRAMS = {
    "n1": ("etcd", "apiserver", "controller", "agent"),
    "n2": ("etcd", "apiserver", "controller"),
    "n3": ("etcd",),
}


NODES = ("--servers", "2", "--nodes", "all")


def prepare(folder: Path, machines: dict[str, str]) -> str:
    words = [f"{name}={address}" for name, address in machines.items()]
    done = subprocess.run(
        [sys.executable, str(PROJECT / "manifests/cluster/prepare"), str(folder), *words, *NODES],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def command_of(unit: str, machine: Path) -> list[str]:
    """What systemd would run, with this machine's folder in place of /etc and /var."""
    text = (PROJECT / f"manifests/systemd/kohakuriver-{unit}.service").read_text()
    [line] = [line for line in text.replace("\\\n", " ").splitlines() if line.startswith("ExecStart=")]
    values = dict(line.partition("=")[::2] for line in (machine / "cluster.env").read_text().splitlines()) | {
        "AGENT_OPTIONS": "--ssh-address off --renew 1s",
        "APISERVER_OPTIONS": "--encryption-keys /etc/kohakuriver/encryption-keys",
    }
    command = string.Template(line.removeprefix("ExecStart=")).substitute(values)
    command = command.replace("/etc/kohakuriver", str(machine))
    command = command.replace("/var/lib/kohakuriver", str(machine / "state"))
    command = command.replace("/opt/kohakuriver/bin", str(BIN)).replace("/usr/bin/etcd", find_etcd())
    command = command.replace("/var/log/kohakuriver", str(machine))
    return shlex.split(command)


@dataclasses.dataclass
class Machines:
    """Three machines, and what runs on them."""

    folder: Path
    processes: dict[tuple[str, str], Process]
    config: Path

    def address(self, name: str) -> str:
        return (self.folder / name / "cluster.env").read_text().split("ADDRESS=")[1].split()[0]

    def run(self, program: str, *words: str, stdin: str = "") -> Result:
        config = str(self.config)
        environment = {
            **os.environ,
            "KOHAKURIVER_CONFIG": config,
            "KUBECONFIG": config,
            "HOME": str(self.folder),
        }
        done = subprocess.run(
            [str(BIN / program), *words],
            env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str) -> Any:
        found = self.run("kohakuriver", *words, "-o", "json")
        return json.loads(found.out) if found.code == 0 else {}

    def is_ready(self) -> bool:
        conditions = self.json("get", "node", "n1").get("status", {}).get("conditions", [])
        return {"Ready": "True", "RuntimeReady": "True"}.items() <= {
            one["type"]: one["status"] for one in conditions
        }.items()

    def phase(self, name: str) -> str:
        return str(self.json("get", "vps", name).get("status", {}).get("phase"))

    def apply(self, name: str) -> None:
        done = self.run("kohakuriver", "apply", "-f", "-", stdin=a_manifest(name))
        assert done.code == 0, done.text


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, engine: docker.APIClient) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    network = f"127.{20 + os.getpid() % 200}.{os.getpid() // 200 % 250}"
    prepare(folder, {f"n{number}": f"{network}.{number}" for number in (1, 2, 3)})
    key = f"key1 {base64.b64encode(os.urandom(32)).decode()}\n"
    for machine in PROGRAMS:
        private_file.write(folder / machine / "encryption-keys", key)
    made = Machines(folder, {}, folder / "admin.config")
    for machine, programs in PROGRAMS.items():
        for program in programs:
            log = folder / f"{machine}-{program}.log"
            made.processes[machine, program] = Process(
                f"{program} of {machine}", command_of(program, folder / machine), log
            )
    cluster = ""
    try:
        for process in made.processes.values():
            process.start()  # in no order: each waits for what it needs
        eventually(made.is_ready)
        system = made.json("get", "namespace", "kohakuriver-system")
        cluster = system["metadata"]["annotations"]["kohakuriver.io/cluster-id"]
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
        if cluster:
            subprocess.run([str(BIN / "kohakuriver"), "agent", "purge", "--cluster", cluster], check=True)


@pytest.fixture
def whole(machines: Machines) -> Iterator[Machines]:
    """Everything runs, before and after."""
    yield machines
    for process in machines.processes.values():
        if not process.is_alive:
            process.start()
    eventually(machines.is_ready)


def test_everything_that_prepare_wrote_is_for_its_owner_alone_and_kept(machines: Machines) -> None:
    secrets = [*machines.folder.glob("*/*.key"), *machines.folder.glob("*/*.config")]
    assert len(secrets) > 8
    assert {file.stat().st_mode & 0o777 for file in secrets} == {0o600}
    addresses = {name: machines.address(name) for name in PROGRAMS}
    before = {
        name: (machines.folder / name).read_bytes()
        for name in ("admin.config", "n1/tokens", "authority/ca.key")
    }
    certificate = (machines.folder / "n1/server.crt").read_bytes()
    prepare(machines.folder, addresses)
    assert before == {name: (machines.folder / name).read_bytes() for name in before}
    assert certificate != (machines.folder / "n1/server.crt").read_bytes(), "it is renewed"


def test_kubectl_and_the_command_line_work_on_them(machines: Machines) -> None:
    assert "n1" in machines.run("kubectl", "get", "nodes").out
    leases = machines.run("kubectl", "get", "leases", "-n", "kohakuriver-system", "-o", "name").out
    assert leases.count("/apiserver-") == 2


@pytest.mark.fault(30, 36)
@pytest.mark.parametrize("victim", ["n1", "n2"])
def test_an_api_server_is_killed_under_everybody(
    whole: Machines, engine: docker.APIClient, victim: str
) -> None:
    name = f"under-{victim}"
    whole.apply(name)
    eventually(lambda: whole.phase(name) == "running")
    [before] = containers(engine, name)
    acknowledged: list[str] = []
    stop = threading.Event()

    def create() -> None:
        for number in range(1000):
            if stop.is_set():
                return
            one = f"{name}-{number}"
            body = f'{{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "{one}"}}}}'
            if whole.run("kohakuriver", "apply", "-f", "-", stdin=body).code == 0:
                acknowledged.append(one)

    creating = threading.Thread(target=create)
    creating.start()
    time.sleep(2)
    whole.processes[victim, "apiserver"].kill()
    seen = set()
    ends = time.monotonic() + 14  # longer than a node may be silent
    while time.monotonic() < ends or (len(acknowledged) <= 5 and creating.is_alive()):
        seen.add((whole.phase(name), whole.is_ready()))
    stop.set()
    creating.join()
    assert seen == {("running", True)}, "the node was heard all the while"
    there = {item["metadata"]["name"] for item in whole.json("get", "namespaces")["items"]}
    assert len(acknowledged) > 5 and set(acknowledged) <= there, "an acknowledged write was lost"
    whole.apply(f"{name}-later")
    eventually(lambda: whole.phase(f"{name}-later") == "running")
    assert [one["Id"] for one in containers(engine, name)] == [before["Id"]]


@pytest.mark.fault(37, 38)
@pytest.mark.parametrize("victim", ["n1", "n2", "n3"])
def test_a_member_of_etcd_is_killed_under_everybody(whole: Machines, victim: str) -> None:
    whole.processes[victim, "etcd"].kill()
    name = f"without-{victim}"
    eventually(lambda: whole.run("kohakuriver", "apply", "-f", "-", stdin=a_manifest(name)).code == 0)
    eventually(lambda: whole.phase(name) == "running")


@pytest.mark.fault(34)
def test_an_api_server_that_freezes_makes_nobody_deaf(whole: Machines) -> None:
    """Its sockets stay open and nothing comes: renewals go elsewhere at once, and watches in the end."""
    victim = whole.processes["n1", "apiserver"]
    victim.freeze()
    try:
        config = whole.folder / "admin.config"
        swapped = whole.folder / "second.config"
        first, second = (f"https://{whole.address(name)}:6443" for name in ("n1", "n2"))
        swapped.write_text(config.read_text().replace(first, "@").replace(second, first).replace("@", second))
        whole.config = swapped
        whole.apply("while-frozen")
        ready = set()

        def runs() -> bool:
            ready.add(whole.is_ready())
            return whole.phase("while-frozen") == "running"

        eventually(runs)
        assert ready == {True}, "the node was heard all the while"
    finally:
        victim.thaw()
        whole.config = whole.folder / "admin.config"
