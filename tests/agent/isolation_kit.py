"""What tests of the rules around VPSes are made of: machines beside the node, and what reaches whom."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

from kohakuriver.agent.machine.isolation import Isolation, chains
from kohakuriver.agent.runtime.base import Container
from kohakuriver.agent.runtime.iptables import Iptables, remove_chains
from tests.agent.docker_world import DockerWorld, a_docker_world
from tests.agent.runtime_contract import a_spec

SERVES = ("nc", "-ll", "-p", "22", "-e", "echo", "hello")
SERVES_AT = (8080, 2379, 9090)
SERVER = """
import select, socket, sys
servers = [socket.create_server(("0.0.0.0", int(port))) for port in sys.argv[1:]]
print("listens", flush=True)
while True:
    for server in select.select(servers, (), ())[0]:
        server.accept()[0].sendall(b"outside\\n")
"""
CLIENT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as connection:
        print(connection.recv(100).decode().strip())
except OSError:
    pass
"""


class Outside:
    """A machine beyond the node: a network namespace behind a cable, with something that answers."""

    def __init__(self, number: int) -> None:
        self.name = f"kriso{number}"
        self.address = f"198.19.{number}.2"
        self.node = f"198.19.{number}.1"
        self.cable = cable = f"kriso{number}a"  # its end in the node
        far = f"kriso{number}b"
        for words in (
            f"ip netns add {self.name}",
            f"ip link add {cable} type veth peer name {far} netns {self.name}",
            f"ip addr add {self.node}/24 dev {cable}",
            f"ip link set {cable} up",
            f"ip -n {self.name} addr add {self.address}/24 dev {far}",
            f"ip -n {self.name} link set {far} up",
            f"ip -n {self.name} route add default via {self.node}",
        ):
            subprocess.run(words.split(), check=True, capture_output=True)
        self._inside = ["ip", "netns", "exec", self.name, sys.executable, "-c"]
        self._server = self.runs(SERVER, *map(str, SERVES_AT))

    def runs(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A program there that has said its first line."""
        command = [*self._inside, program, *arguments]
        started = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert started.stdout is not None
        started.stdout.readline()
        return started

    def asks(self, address: str, port: int) -> str:
        """What it is answered there; empty where it is not."""
        command = [*self._inside, CLIENT, address, str(port)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def aims_at_loopback_of_the_node(self) -> None:
        """From now on what it sends to 127.0.0.1 goes over the cable."""
        switch = "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet"
        subprocess.run(["ip", "netns", "exec", self.name, "sh", "-c", switch], check=True)
        words = f"ip -n {self.name} route add 127.0.0.1/32 via {self.node} src {self.address}"
        subprocess.run(words.split(), check=True, capture_output=True)

    def end(self) -> None:
        self._server.kill()
        self._server.communicate()
        subprocess.run(["ip", "netns", "del", self.name], check=True)


@contextlib.contextmanager
def two_neighbours() -> Iterator[tuple[Outside, Outside]]:
    """Two machines beside the node, each on a cable of its own, which know a way to its bridges."""
    number = int.from_bytes(os.urandom(1), "big") % 124 * 2
    made: list[Outside] = []
    try:
        made += [Outside(number)]
        made += [Outside(number + 1)]
        with without_the_engines_own_door(*made):
            yield made[0], made[1]
    finally:
        for one in made:
            one.end()


@contextlib.asynccontextmanager
async def a_world_of_rules() -> AsyncIterator[DockerWorld]:
    """A cluster on the machine's engine; its rules go at the end."""
    async with a_docker_world() as made:
        try:
            yield made
        finally:
            remove_chains(chains(made.cluster))


@contextlib.contextmanager
def without_the_engines_own_door(*neighbours: Outside) -> Iterator[None]:
    """Docker 28 and later drop what others than the node send to a container, in the table raw, before any
    rule of ours is asked. Meanwhile these neighbours pass there, on every engine: what stops them is ours."""
    rules = [f"PREROUTING -i {one.cable} -j ACCEPT".split() for one in neighbours]
    for rule in rules:
        subprocess.run(["iptables", "-w", "-t", "raw", "-I", *rule], check=True, capture_output=True)
    try:
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-t", "raw", "-D", *rule], check=True, capture_output=True)


async def a_vps(world: DockerWorld, **changes: object) -> Container:
    container_id = await world.runtime.create(a_spec(world, command=SERVES, **changes))
    await world.runtime.start(container_id)
    found = await world.runtime.inspect(container_id)
    assert found is not None
    return found


def reached(world: DockerWorld, container: Container, address: str, port: int) -> str:
    """What a VPS is answered there; empty where it is not."""
    client = world.client
    command = ["/bin/sh", "-c", f"nc -w 2 {address} {port} </dev/null 2>/dev/null"]
    started = client.exec_create(container.id, command)
    return bytes(client.exec_start(started["Id"])).decode().strip()


def answer_on_the_node(address: str, port: int) -> str:
    with socket.create_connection((address, port), timeout=3) as connection:
        return connection.recv(100).decode().strip()


async def isolated(world: DockerWorld) -> Isolation:
    isolation = Isolation(Iptables(), cluster=world.cluster)
    await isolation.step(await world.runtime.ensure_network(world.network))
    assert isolation.verdict is not None and isolation.verdict.ok, isolation.verdict
    return isolation
