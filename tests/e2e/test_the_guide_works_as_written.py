"""What people were promised of the command line (the_guide.yaml), from top to bottom: each command is typed.

The cluster is the one that the steps of `make up` make, with `dev` in it; a command there without a check
here fails. The guide's own names are provided: this machine is called nodeA and offers 32 cores, nodeC is a
second agent on it with simulated GPUs, and the environments are made before they are named.
"""

import contextlib
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pexpect
import pytest
import yaml

from kohakuriver.client.config import JOIN_TOKEN
from kohakuriver.resources.vps import Phase
from tests.e2e import first_vps
from tests.e2e.conftest import BIN, Cluster, Result, containers, eventually, printed_ports, ssh_ports
from tests.e2e.processes import Process

GUIDE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "the_guide.yaml").read_text())
GPUS = [
    {"index": number, "uuid": f"GPU-guide-{number}", "model": "A100", "memory": "40Gi"} for number in (0, 1)
]
SERVICE = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nserved")
    connection.close()
"""


@dataclasses.dataclass
class Walk:
    """Somebody who types what the guide prints, about one VPS."""

    cluster: Cluster
    engine: docker.APIClient
    vps: str

    def typed(self, line: str) -> str:
        """A command as the person types it, its placeholders filled in."""
        return re.sub(r"\bID\b", self.vps, line)

    def run(self, line: str) -> Result:
        done = subprocess.run(
            ["/bin/bash", "-c", self.typed(line)],
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, line: str) -> Result:
        result = self.run(line)
        assert result.code == 0, f"$ {self.typed(line)}\n{result.text}"
        return result

    def talk(self, line: str) -> "pexpect.spawn[str]":
        """The same on a terminal."""
        return pexpect.spawn(
            "/bin/bash",
            ["-c", self.typed(line)],
            env=self.environment,
            encoding="utf-8",
            timeout=30,
            dimensions=(30, 100),
        )

    @property
    def environment(self) -> dict[str, str]:
        return self.cluster.environment(
            PATH=f"{BIN}:/usr/bin:/bin:/usr/sbin:/sbin",
            TERM="xterm-256color",
            SSH_AUTH_SOCK=str(self.cluster.folder / "agent"),  # ssh itself looks for keys past $HOME
        )

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.cluster.get(self.vps)["status"])

    def made(self, result: Result) -> str:
        """The name of what a create has made."""
        [name] = re.findall(r"^vps/(\S+) created$", result.out, re.MULTILINE)
        return str(name)

    def container(self, name: str) -> dict[str, Any]:
        id_ = self.cluster.get(name)["status"]["observed"]["container"]["id"]
        [found] = [one for one in containers(self.engine, name) if one["Id"].startswith(id_)]
        return dict(found)

    def inside(self, *command: str) -> None:
        made = self.engine.exec_create(self.container(self.vps)["Id"], list(command))
        self.engine.exec_start(made["Id"], detach=True)


def create_basic(walk: Walk, line: str) -> None:
    result = walk.ok(line)
    name = walk.made(result)
    assert "running, ssh ready" in result.err
    spec = walk.cluster.get(name)["spec"]
    assert spec["resources"] == {"cores": 2, "memory": "4G"}
    assert spec["ssh"]["authorizedKeys"] == [
        (walk.cluster.folder / ".ssh/id_ed25519.pub").read_text().strip()
    ]
    walk.ok(f"kohakuriver vps delete {name}")


def create_with_defaults(walk: Walk, line: str) -> None:
    walk.vps = walk.made(walk.ok(line))
    assert walk.cluster.get(walk.vps)["spec"]["resources"]["cores"] == GUIDE["create"]["cores"]
    shown = walk.ok(f"{line} --help").out
    for long, short in GUIDE["create"]["options"].items():
        assert f"{short}, {long} " in shown if short else f"{long} " in shown, long
    for options, key in GUIDE["create"]["keys"].items():
        declared = yaml.safe_load(walk.ok(f"{line} {options} --dry-run=client -o yaml").out)["spec"]["ssh"]
        if key == "anybody":
            assert declared["passwordless"] is True
        else:
            assert declared["authorizedKeys"] == [walk.ok(f"cat {key}").out.strip()]


def create_on_node_a(walk: Walk, line: str) -> None:
    walk.ok(f"kohakuriver env create my-dev-env --from {walk.vps}")
    name = walk.made(walk.ok(line))
    vps = walk.cluster.get(name)
    assert vps["status"]["assignment"]["node"] == "nodea"
    assert vps["spec"]["environment"] == "my-dev-env"
    made_of = walk.container(name)["Labels"]["kohakuriver.io/reference"]
    assert made_of.startswith("kohakuriver/environment-my-dev-env")
    walk.ok(f"kohakuriver vps delete {name}")


def create_with_gpus(walk: Walk, line: str) -> None:
    walk.ok("kohakuriver env create my-cuda-vps --image kohakuriver/debian-ssh")
    name = walk.made(walk.ok(line))
    assignment = walk.cluster.get(name)["status"]["assignment"]
    assert assignment["node"] == "nodec"
    assert assignment["grant"]["gpus"] == ["GPU-guide-0", "GPU-guide-1"]
    assert "2 GPUs" in walk.ok("kohakuriver vps list").out
    walk.ok(f"kohakuriver vps delete {name}")


def create_with_key(walk: Walk, line: str) -> None:
    words = shlex.split(line)
    result = walk.ok(line)
    name = walk.made(result)
    default = GUIDE["create"]["generated"].replace("ID", name)
    chosen = words[words.index("--key-out-file") + 1] if "--key-out-file" in words else default
    file = walk.cluster.folder / chosen.removeprefix("~/")
    assert file.stat().st_mode & 0o777 == 0o600
    public = Path(f"{file}.pub").read_text().strip()
    assert walk.cluster.get(name)["spec"]["ssh"]["authorizedKeys"] == [public]
    login = result.err.rpartition("log in with: ")[2].strip()
    assert f"-i {file}" in login
    quiet = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
    assert walk.ok(login.replace("ssh ", f"ssh {quiet} ", 1) + " echo in").out == "in\n"
    walk.ok(f"kohakuriver vps delete {name}")


def listed(walk: Walk, line: str) -> None:
    header, *rows = walk.ok(line).out.splitlines()
    assert re.match(r"\s+".join(GUIDE["list"]), header), header
    [row] = [row for row in rows if row.startswith(walk.vps)]
    assert walk.status["phase"] in row and walk.status["assignment"]["node"] in row
    assert str(walk.status["assignment"]["grant"]["sshPort"]) in row


def status_shown(walk: Walk, line: str) -> None:
    shown = walk.ok(line).out
    grant = walk.status["assignment"]["grant"]
    values = {
        "Status:": walk.status["phase"],
        "Node:": walk.status["assignment"]["node"],
        "Container:": walk.container(walk.vps)["Names"][0].lstrip("/"),
        "SSH port:": grant["sshPort"],
        "Resources:": "core",
    }
    for title in GUIDE["status"]:
        value = str(values.get(title, "20"))  # a time, of this century
        assert re.search(rf"^{title}\s+.*{re.escape(value)}", shown, re.MULTILINE), (
            f"{title} {value}\n{shown}"
        )


def stop(walk: Walk, line: str) -> None:
    assert walk.ok(line).out == f"vps/{walk.vps} stopped\n"
    assert walk.container(walk.vps)["State"] == "exited"
    assert walk.vps not in walk.ok("kohakuriver vps list").out
    assert "stopped" in walk.ok("kohakuriver vps list --all").out


def restart(walk: Walk, line: str) -> None:
    assert walk.ok(line).out == f"vps/{walk.vps} restarted\n"
    assert walk.container(walk.vps)["State"] == "running"


def pause(walk: Walk, line: str) -> None:
    assert walk.ok(line).out == f"vps/{walk.vps} paused\n"
    assert walk.container(walk.vps)["State"] == "paused"
    assert walk.status["phase"] == "paused"


def resume(walk: Walk, line: str) -> None:
    assert walk.ok(line).out == f"vps/{walk.vps} resumed\n"
    assert walk.container(walk.vps)["State"] == "running"


def terminal(walk: Walk, line: str) -> None:
    shell = walk.talk(line)
    shell.sendline("stty size; echo in-$((40 + 2))")
    shell.expect("30 100")
    shell.expect("in-42")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0


def ide(walk: Walk, line: str) -> None:
    screen = walk.talk(line)
    screen.expect(["root", "etc", walk.vps])
    screen.sendcontrol("q")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0


def ssh(walk: Walk, line: str) -> None:
    (walk.cluster.folder / ".ssh" / "custom_key").write_bytes(
        (walk.cluster.folder / ".ssh" / "id_ed25519").read_bytes()
    )
    (walk.cluster.folder / ".ssh" / "custom_key").chmod(0o600)
    shell = walk.talk(line)
    shell.sendline("echo in-$((40 + 2))")
    shell.expect("in-42")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)


def forward(walk: Walk, line: str) -> None:
    words = shlex.split(line)
    remote = words[3]
    local = words[words.index("--local-port") + 1] if "--local-port" in words else remote
    walk.inside("python3", "-c", SERVICE, remote)
    with printed_ports():
        running = walk.talk(line)
        try:
            eventually(lambda: b"served" in _fetched(int(local)))
        finally:
            running.sendintr()
            running.expect(pexpect.EOF)
            running.close()


def _fetched(port: int) -> bytes:
    url = f"http://127.0.0.1:{port}/"
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())
    return b""


def manual_ssh(walk: Walk, line: str) -> None:
    port = walk.status["assignment"]["grant"]["sshPort"]
    quiet = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
    words = line.replace("PORT", str(port)).replace("NODE", "127.0.0.1")
    key = walk.cluster.folder / ".ssh" / "id_ed25519"
    assert walk.ok(words.replace("ssh ", f"ssh -i {key} {quiet} ", 1) + " echo in").out == "in\n"


CHECKS: dict[str, Callable[[Walk, str], None]] = {
    "kohakuriver vps list": listed,
    "kohakuriver vps list --all": listed,
    "kohakuriver vps status ID": status_shown,
    "kohakuriver vps create": create_with_defaults,
    "kohakuriver vps connect ID": ssh,
    "kohakuriver vps stop ID": stop,
    "kohakuriver vps restart ID": restart,
    "kohakuriver vps pause ID": pause,
    "kohakuriver vps resume ID": resume,
    "kohakuriver vps create --cores 2 --memory 4G": create_basic,
    "kohakuriver vps create -t nodeA --cores 4 --container my-dev-env": create_on_node_a,
    "kohakuriver vps create -t nodeC::0,1 --cores 8 --memory 16G --container my-cuda-vps": create_with_gpus,
    "kohakuriver vps create --gen-ssh-key --key-out-file ~/.ssh/vps_key": create_with_key,
    "kohakuriver vps create --gen-ssh-key": create_with_key,
    "kohakuriver vps create --gen-ssh-key --key-out-file ~/.ssh/my_vps": create_with_key,
    "kohakuriver connect ID": terminal,
    "kohakuriver connect ID --ide": ide,
    "kohakuriver vps connect ID --key ~/.ssh/custom_key": ssh,
    "kohakuriver forward ID 8888": forward,
    "kohakuriver forward ID 80 --local-port 3000": forward,
    "ssh -p PORT root@NODE": manual_ssh,
}


@contextlib.contextmanager
def second_node(cluster: Cluster) -> Iterator[Process]:
    """nodeC, with two GPUs from a file."""
    inventory = cluster.folder / "gpus.json"
    inventory.write_text(json.dumps(GPUS))
    installed = cluster.ok("node", "join", "nodec").splitlines()[-1]  # for a machine that has it already
    *words, given = shlex.split(installed.removeprefix("# "))
    assert words[-3:] == ["--token", "-", "--install-service"], "it would run as a service of this machine"
    del words[-3:]
    process = Process(
        "nodec",
        [
            *(sys.executable, "-P", "-m", "kohakuriver.cli", *words[1:]),
            *("--data-dir", str(cluster.folder / "nodec"), "--ssh-port-range", ssh_ports(1)),
            *("--cores", "32", "--memory", "64Gi", "--gpu-inventory", str(inventory), "--renew", "1s"),
        ],
        cluster.folder / "nodec.log",
        {"HOME": str(cluster.folder / "elsewhere"), JOIN_TOKEN: given.removeprefix("<<<")},
    )
    process.start()
    try:
        yield process
    finally:
        process.stop()


@contextlib.contextmanager
def ssh_agent(cluster: Cluster) -> Iterator[None]:
    """The person's keys, unlocked, as on a desktop."""
    socket = cluster.folder / "agent"
    process = Process("ssh-agent", ["ssh-agent", "-D", "-a", str(socket)], cluster.folder / "ssh-agent.log")
    process.start()
    try:
        eventually(socket.exists)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        key = str(cluster.folder / ".ssh" / "id_ed25519")
        subprocess.run(["ssh-add", "-q", key], env=environment, check=True)
        yield
    finally:
        process.stop()


@pytest.fixture
def walk(new_cluster: Callable[..., Cluster], engine: docker.APIClient) -> Iterator[tuple[Walk, Process]]:
    cluster = new_cluster(
        *("--node", "nodea", "--cores", "32", "--memory", "64Gi", "--ssh-port-range", ssh_ports(0))
    )
    keys = cluster.folder / ".ssh"
    keys.mkdir(mode=0o700)
    for kind in ("ed25519", "rsa"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(keys / f"id_{kind}")], check=True)
    cluster.up("--listen", "0.0.0.0", "--advertise", "localhost")  # noqa: S104 - joining goes by a name
    first_vps.make(cluster)
    with ssh_agent(cluster), second_node(cluster) as agent:
        eventually(lambda: "nodec" in cluster.ok("node", "list") and _ready(cluster, "nodec"))
        made = cluster.ok("vps", "create", "--name", "first", "-t", "nodeA")
        assert made == "vps/first created\n"
        yield Walk(cluster, engine, "first"), agent
        cluster.cli("delete", "vps", "--all")
        for name in json.loads(cluster.ok("get", "vps", "-o", "json"))["items"]:
            cluster.cli("vps", "delete", name["metadata"]["name"], "--force")


def _ready(cluster: Cluster, node: str) -> bool:
    [row] = [
        line for line in cluster.ok("node", "list", "--no-headers").splitlines() if line.startswith(node)
    ]
    return row.split()[1] == "Ready"


def test_every_command_of_the_guide_has_a_check() -> None:
    assert set(GUIDE["commands"]) == set(CHECKS)
    assert GUIDE["states"] == list(Phase)


def test_the_guide_works_from_top_to_bottom(walk: tuple[Walk, Process]) -> None:
    person, agent = walk
    for line in GUIDE["commands"]:
        if person.status["phase"] == "stopped" and CHECKS[line] is not restart:
            person.ok(f"kohakuriver vps start {person.vps}")
        CHECKS[line](person, line)
    _the_states(person, agent)


def _the_states(person: Walk, agent: Process) -> None:
    """What the guide's drawing shows: pending until there is room, lost when its node is."""
    person.ok("kohakuriver vps create --name big --cores 999 --no-wait")
    big = eventually(lambda: "pending" in person.ok("kohakuriver vps list").out)
    assert big and "short of cores" in person.ok("kohakuriver vps status big").out
    person.ok("kohakuriver vps delete big")
    person.ok("kohakuriver vps create --name far -t nodeC")
    agent.kill()
    eventually(lambda: re.search(r"^far\s+lost", person.ok("kohakuriver vps list").out, re.MULTILINE))
    shown = person.ok("kohakuriver vps status far").out
    assert "Status:" in shown and "lost" in shown and "kohakuriver node status nodec" in shown
    agent.start()
    eventually(lambda: person.cluster.phase("far") == "running")
    person.ok("kohakuriver vps delete far")
