"""What `node join` prints, typed on a machine without KohakuRiver: it is a node then, and VPSes run there.

The machine is a mount namespace: its /opt, /etc, /usr/local and /run/systemd lie over those of this machine,
and what is written to them is gone with it. Its apt-get would fail, its systemctl writes down what it is
told, and the packages of pip are those that the tests run with. Engine and network are this machine's.
"""

import base64
import dataclasses
import json
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from kohakuriver import __version__, certificates
from kohakuriver.clock import SystemClock
from tests.e2e.conftest import Cluster, a_manifest, containers, eventually, ssh_ports
from tests.e2e.processes import Process

UNIT = "/etc/systemd/system/kohakuriver-agent.service"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the machine that tests has no neighbours
ITS_OWN = ("/opt", "/etc", "/usr/local", "/root", "/run/systemd")
MOUNTS = """
set -e
mount -t tmpfs tmpfs "$0"
for path in "$@"; do
    mkdir -p "$0$path/upper" "$0$path/work" "$path"
    mount -t overlay overlay -o "lowerdir=$path,upperdir=$0$path/upper,workdir=$0$path/work" "$path"
done
mkdir -p /run/systemd/system /etc/systemd/system
"""
SYSTEMCTL = """#!/bin/sh
echo "$@" >>/etc/systemctl-was-told
"""
APT = """#!/bin/sh
echo "nothing is to be installed here: apt-get $*" >&2
exit 100
"""


@dataclasses.dataclass
class SecondMachine:
    """Where nothing of KohakuRiver is installed."""

    folder: Path

    @property
    def inside(self) -> list[str]:
        return ["nsenter", f"--mount={self.folder}/namespace/mounts", "env", f"--chdir={self.folder}"]

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def make(self) -> None:
        (self.folder / "namespace").mkdir(parents=True)
        (self.folder / "layers").mkdir()
        # The kernel binds a mount namespace to no other, so that it lies in a private mount.
        _sh("mount", "--bind", f"{self.folder}/namespace", f"{self.folder}/namespace")
        _sh("mount", "--make-private", f"{self.folder}/namespace")
        (self.folder / "namespace/mounts").touch()
        made = [
            "unshare",
            f"--mount={self.folder}/namespace/mounts",
            "--propagation=slave",
            "sh",
            "-c",
            MOUNTS,
        ]
        _sh(*made, f"{self.folder}/layers", *ITS_OWN)
        for name, text in (("systemctl", SYSTEMCTL), ("apt-get", APT)):
            self.write(f"/usr/local/bin/{name}", text)
            self.run(f"chmod 755 /usr/local/bin/{name}")
        self._bring_packages()

    def _bring_packages(self) -> None:
        """An environment of Python's own pip, which finds all that it would fetch."""
        packages = self.folder / "packages"
        packages.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if "kohakuriver" not in path.name:
                (packages / path.name).symlink_to(path)
        self.run("python3 -m venv /opt/kohakuriver")
        self.run(f"cd /opt/kohakuriver/lib/python3*/site-packages && echo {packages} >packages.pth")

    def run(self, line: str, **environment: str) -> str:
        """What it says. `line` is typed into bash, as root."""
        variables = [f"{name}={value}" for name, value in environment.items()]
        words = [*self.inside, *variables, "bash", "-c", line]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def write(self, path: str, text: str) -> None:
        subprocess.run(
            [*self.inside, "tee", path], input=text, text=True, stdout=subprocess.DEVNULL, check=True
        )

    def agent(self) -> Process:
        """The agent, as systemd starts it by its unit."""
        [line] = [one for one in self.run(f"cat {UNIT}").splitlines() if one.startswith("ExecStart=")]
        words = shlex.split(line.removeprefix("ExecStart="))
        return Process("second", [*self.inside, *words], self.folder / "agent.log")

    def remove(self) -> None:
        for mount in ("namespace/mounts", "namespace"):
            subprocess.run(["umount", "--lazy", self.folder / mount], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _sh(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def cluster(new_cluster) -> Cluster:  # type: ignore[no-untyped-def]
    one: Cluster = new_cluster(
        "--ssh-port-range", ssh_ports(0), "--listen", EVERYWHERE, "--advertise", "localhost"
    )
    one.up()
    return one


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SecondMachine]:
    one = SecondMachine(tmp_path / "second")
    try:
        one.make()
        yield one
    finally:
        one.remove()


def is_ready(cluster: Cluster, name: str) -> bool:
    result = cluster.cli("get", "node", name, "-o", "json")
    conditions = json.loads(result.out)["status"].get("conditions") or [] if result.code == 0 else []
    told = {condition["type"]: condition["status"] for condition in conditions}
    return told.get("Ready") == told.get("RuntimeReady") == "True"


def test_the_printed_command_installs_joins_and_stays(
    cluster: Cluster, machine: SecondMachine, engine: docker.APIClient
) -> None:
    printed = cluster.ok("node", "join", "second", "--ttl", "10m")
    [line] = [one for one in printed.splitlines() if not one.startswith("#")]
    token = line.rpartition("<<<")[2]
    options = ["--data-dir", str(machine.data_dir), "--ssh-port-range", ssh_ports(1), "--renew", "1s"]
    said = machine.run(f"{line} {shlex.join(options)} --cores 1 --memory 1Gi")

    unit = machine.run(f"cat {UNIT}")
    assert token not in unit + said and (machine.data_dir / "agent.config").stat().st_mode & 0o777 == 0o600
    assert "enable --now kohakuriver-agent.service" in machine.run("cat /etc/systemctl-was-told")
    assert __version__ in machine.run("/usr/local/bin/kohakuriver version --client")

    # Whatever stood in the command is over; what the machine has of its own is enough, and after a boot too.
    [joined] = [one.split()[0] for one in cluster.ok("token", "list").splitlines() if one.startswith("join-")]
    cluster.ok("token", "revoke", joined)
    for boot in (1, 2):
        agent = machine.agent()
        agent.start()
        try:
            assert str(machine.folder) not in agent.command[agent.command.index("-m") - 2], (
                "it is the installed one"
            )
            eventually(lambda agent=agent: is_ready(cluster, "second") or not agent.is_alive)
            assert agent.is_alive, agent.tail()
            if boot == 1:
                cluster.apply(a_manifest("a", more="  placement: {node: second}\n"))
            cluster.wait_running("a")
            [found] = containers(engine, "a", all=False, of=cluster)
            assert found["State"] == "running"
            if boot == 2:
                cluster.ok("delete", "vps", "a")
        finally:
            agent.kill()

    told = machine.run(f"kohakuriver agent --remove-service --data-dir {machine.data_dir}")
    assert "removed" in told and "runs on" in told
    assert machine.run(f"test ! -e {UNIT} && echo gone") == "gone\n"


def test_a_server_of_another_authority_is_told_nothing(cluster: Cluster, machine: SecondMachine) -> None:
    line = cluster.ok("node", "join", "second").splitlines()[0]
    stranger = certificates.new_authority("stranger", now=SystemClock().now()).certificate
    other = re.sub(r"echo \S+ \| base64", f"echo {base64.b64encode(stranger).decode()} | base64", line)
    assert other != line
    done = subprocess.run([*machine.inside, "bash", "-c", other], capture_output=True, text=True)
    assert done.returncode == 1 and "certificate" in done.stderr and "did not hand out" in done.stderr
    assert cluster.cli("get", "node", "second").code != 0
