"""An hour of silence in ssh, behind a router that forgets idle connections. Shrunk: it forgets after 35 s, a
little longer than the 30 s within which each stream is pinged, and the silence lasts 50 s.

    client 192.168.77.2 ── router (masquerades, drops what it does not know) ── this machine 198.18.X.1
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Cluster, _end, free_port, ssh_ports
from tests.e2e.machines import free_network
from tests.e2e.ssh_kit import Ssh

FORGETS_AFTER, SILENCE = 35, 50
ASKS = """\
import socket, sys
made = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    made.sendall(line.encode())
    made.settimeout(5)
    try:
        print(made.recv(100).decode().strip(), flush=True)
    except TimeoutError:
        print("no answer", flush=True)
"""
"""A connection that nobody pings."""
ANSWERS = """\
import socket, sys
made, _ = socket.create_server((sys.argv[1], int(sys.argv[2]))).accept()
while data := made.recv(100):
    made.sendall(data)
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes networks")


def sh(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


class Network:
    """The two namespaces, and what leads through them."""

    def __init__(self) -> None:
        self.router, self.client = f"kr{os.getpid()}-router", f"kr{os.getpid()}-client"
        self._network = free_network()
        self.server = f"{self._network}.1"

    def make(self) -> None:
        for name in (self.router, self.client):
            sh("ip", "netns", "add", name)
        self._link(self.router, f"{self.server}/30", f"{self._network}.2/30", netns=None, name="out")
        self._link(self.client, "192.168.77.1/30", "192.168.77.2/30", netns=self.router, name="in")
        sh("ip", "-n", self.client, "route", "add", "default", "via", "192.168.77.1")
        inside = ["ip", "netns", "exec", self.router]
        for setting in (
            "net.ipv4.ip_forward=1",
            f"net.netfilter.nf_conntrack_tcp_timeout_established={FORGETS_AFTER}",
            "net.netfilter.nf_conntrack_tcp_loose=0",
        ):
            sh(*inside, "sh", "-c", f"echo {setting.partition('=')[2]} > /proc/sys/{_path(setting)}")
        sh(*inside, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "out", "-j", "MASQUERADE")
        sh(*inside, "iptables", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP")

    def remove(self) -> None:
        for name in (self.client, self.router):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def _link(self, far: str, near_address: str, far_address: str, *, netns: str | None, name: str) -> None:
        """A cable from `netns` (or this machine) to the namespace `far`."""
        near = ["-n", netns] if netns else []
        end = name if netns else self.router  # as this machine sees it
        peer = "eth0" if netns else name
        sh("ip", *near, "link", "add", end, "type", "veth", "peer", "name", peer, "netns", far)
        sh("ip", *near, "address", "add", near_address, "dev", end)
        sh("ip", *near, "link", "set", end, "up")
        sh("ip", "-n", far, "address", "add", far_address, "dev", peer)
        sh("ip", "-n", far, "link", "set", peer, "up")
        sh("ip", "-n", far, "link", "set", "lo", "up")


def _path(setting: str) -> str:
    return setting.partition("=")[0].replace(".", "/")


@pytest.fixture
def network() -> Iterator[Network]:
    one = Network()
    try:
        one.make()
        yield one
    finally:
        one.remove()


@pytest.fixture
def behind(network, tmp_path: Path, engine) -> Iterator[Ssh]:
    """ssh on the client's machine, with a VPS `dev` beyond the router."""
    options = ("--listen", network.server, "--ssh-port-range", ssh_ports(0))
    one = Cluster(tmp_path / "cluster-home", free_port(), options)
    one.folder.mkdir()
    try:
        one.up()
        one.ok("vps", "create", "--name", "dev", "-c", "0.2", "-m", "128M", "--gen-ssh-key")
        yield Ssh(one, inside=["ip", "netns", "exec", network.client])
    finally:
        _end(one)


@pytest.mark.fault(55)
def test_an_idle_ssh_lives_though_its_router_forgets_what_is_idle(behind, network):
    plain = str(free_port())
    with contextlib.ExitStack() as stack:

        def python(script: str, *prefix: str) -> subprocess.Popen[str]:
            words = [*prefix, "python3", "-c", script, network.server, plain]
            made = subprocess.Popen(
                words, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            stack.enter_context(made)
            stack.callback(made.kill)
            return made

        def says(process: subprocess.Popen[str], line: str) -> str:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(line + "\n")
            return process.stdout.readline().strip()

        python(ANSWERS)
        time.sleep(1)  # until it listens: it takes one connection only, so nobody may try
        unpinged = python(ASKS, "ip", "netns", "exec", network.client)
        shell = stack.enter_context(behind.going("ssh", "dev.vps", "cat"))
        assert says(unpinged, "hello") == "hello"
        assert says(shell, "hello") == "hello"
        time.sleep(SILENCE)
        assert says(shell, "still here") == "still here"
        assert says(unpinged, "still here") == "no answer", "the router forgot nothing: this proves nothing"
