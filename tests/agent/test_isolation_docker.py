"""What one VPS reaches over a real engine's bridge: the outside, and neither another VPS nor its node."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from kohakuriver.agent.machine.closed import Servers
from kohakuriver.agent.machine.isolation import Isolation, chains
from kohakuriver.agent.runtime.base import PortBinding
from kohakuriver.agent.runtime.iptables import Iptables, remove_chains
from tests.agent.docker_world import DockerWorld, a_docker_world
from tests.agent.firewall_contract import FirewallContract
from tests.agent.isolation_kit import (
    Outside,
    a_vps,
    a_world_of_rules,
    answer_on_the_node,
    isolated,
    reached,
    two_neighbours,
)
from tests.agent.runtime_contract import a_spec

pytestmark = pytest.mark.docker


class TestIptables(FirewallContract):
    @pytest.fixture(params=["iptables-nft", "iptables-legacy"])
    def firewall(self, cluster: str, request: pytest.FixtureRequest) -> Iterator[Iptables]:
        yield Iptables(request.param)
        remove_chains(chains(cluster))


class NodePort:
    """Something of the node that listens on all its addresses."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("0.0.0.0", 0))  # noqa: S104 - what must not be reached
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection:
                    connection.sendall(b"the node\n")

    def end(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_world_of_rules() as made:
        yield made


@pytest.fixture
def node_port() -> Iterator[NodePort]:
    made = NodePort()
    yield made
    made.end()


async def ip(words: str) -> None:
    await asyncio.to_thread(subprocess.run, ["ip", *words.split()], check=True)


async def mangle(words: str) -> None:
    await asyncio.to_thread(subprocess.run, ["iptables", "-w", "-t", "mangle", *words.split()], check=True)


def gateway(world: DockerWorld) -> str:
    return str(world.client.inspect_network(world.network)["IPAM"]["Config"][0]["Gateway"])


async def test_a_vps_reaches_neither_another_nor_any_address_of_its_node(
    world: DockerWorld, node_port: NodePort
) -> None:
    mine, all_addresses = world.free_port(), world.free_port()
    await isolated(world)
    first = await a_vps(world)
    second = await a_vps(world, ports=(PortBinding(22, "127.0.0.1", mine),))
    await a_vps(world, ports=(PortBinding(22, "0.0.0.0", all_addresses),))  # noqa: S104
    bridge = gateway(world)
    assert second.ip is not None
    for address, port in (
        (second.ip, 22),
        (bridge, mine),
        (bridge, all_addresses),
        (bridge, node_port.port),
        ("172.17.0.1", node_port.port),
        ("172.17.0.1", all_addresses),
    ):
        assert reached(world, first, address, port) == "", f"a VPS reached {address}:{port}"
    assert answer_on_the_node("127.0.0.1", mine) == "hello"
    assert answer_on_the_node(second.ip, 22) == "hello"


async def test_without_the_rules_the_same_paths_are_open(world: DockerWorld, node_port: NodePort) -> None:
    first = await a_vps(world)
    assert reached(world, first, gateway(world), node_port.port) == "the node"


async def test_a_vps_reaches_the_outside_and_the_outside_its_published_port(world: DockerWorld) -> None:
    port = world.free_port()
    outside = Outside(port % 250)
    try:
        await isolated(world)
        first = await a_vps(world, ports=(PortBinding(22, "0.0.0.0", port),))  # noqa: S104
        assert reached(world, first, outside.address, 8080) == "outside"
        assert reached(world, first, outside.node, port) == ""
        assert await asyncio.to_thread(outside.asks, outside.node, port) == "hello"
    finally:
        outside.end()


@pytest.fixture
def neighbours() -> Iterator[tuple[Outside, Outside]]:
    with two_neighbours() as made:
        yield made


@pytest.mark.fault(73)
async def test_a_neighbour_reaches_what_is_published_beyond_loopback_and_nothing_else(
    world: DockerWorld, neighbours: tuple[Outside, Outside]
) -> None:
    mine, everybodys, one_address = world.free_port(), world.free_port(), world.free_port()
    first, second = neighbours
    await isolated(world)
    on_loopback = await a_vps(world, ports=(PortBinding(22, "127.0.0.1", mine),))
    beyond = await a_vps(world, ports=(PortBinding(22, "0.0.0.0", everybodys),))  # noqa: S104
    await a_vps(world, ports=(PortBinding(22, first.node, one_address),))
    unpublished = await a_vps(world)
    first.aims_at_loopback_of_the_node()
    for container in (on_loopback, beyond, unpublished):
        assert container.ip is not None
        assert await asyncio.to_thread(first.asks, container.ip, 22) == "", "a way around what is published"
    assert await asyncio.to_thread(first.asks, "127.0.0.1", mine) == "", "by the node's loopback address"
    assert answer_on_the_node("127.0.0.1", mine) == "hello"
    for neighbour in neighbours:
        assert await asyncio.to_thread(neighbour.asks, neighbour.node, everybodys) == "hello"
    assert await asyncio.to_thread(first.asks, first.node, one_address) == "hello"
    assert await asyncio.to_thread(second.asks, first.node, one_address) == "hello"


async def test_a_rule_of_somebody_before_ours_opens_nothing_once_it_was_looked_at(
    world: DockerWorld, neighbours: tuple[Outside, Outside]
) -> None:
    isolation = await isolated(world)
    found = await a_vps(world, ports=(PortBinding(22, "127.0.0.1", world.free_port()),))
    bridge = await world.runtime.ensure_network(world.network)
    rule = f"FORWARD -o {bridge} -j ACCEPT"
    assert found.ip is not None
    await mangle(f"-I {rule}")
    try:
        assert await asyncio.to_thread(neighbours[0].asks, found.ip, 22) == "hello"
        await isolation.step(bridge)
        assert await asyncio.to_thread(neighbours[0].asks, found.ip, 22) == ""
    finally:
        await mangle(f"-D {rule}")


async def test_without_the_rules_a_neighbour_reaches_a_port_on_loopback(
    world: DockerWorld, neighbours: tuple[Outside, Outside]
) -> None:
    mine = world.free_port()
    found = await a_vps(world, ports=(PortBinding(22, "127.0.0.1", mine),))
    neighbours[0].aims_at_loopback_of_the_node()
    assert found.ip is not None
    ways = ((found.ip, 22), ("127.0.0.1", mine))
    assert "hello" in [await asyncio.to_thread(neighbours[0].asks, *way) for way in ways]


async def test_a_vps_reaches_neither_the_clusters_servers_nor_what_answers_for_its_machine(
    world: DockerWorld, neighbours: tuple[Outside, Outside]
) -> None:
    server, other = neighbours
    metadata = "192.0.0.192"
    await ip(f"-n {other.name} addr add {metadata}/32 dev lo")
    await ip(f"route add {metadata}/32 via {other.address}")  # goes with its cable
    vps = await a_vps(world)
    closed = [(server.address, 8080), (server.address, 2379), (metadata, 8080)]
    assert [reached(world, vps, *place) for place in closed] == ["outside"] * 3
    known = Servers(lambda: [f"https://{server.address}:8080"])
    isolation = Isolation(Iptables(), cluster=world.cluster, servers=known)
    await isolation.step(await world.runtime.ensure_network(world.network))
    assert isolation.verdict is not None and isolation.verdict.ok, isolation.verdict
    assert [reached(world, vps, *place) for place in closed] == [""] * 3
    assert reached(world, vps, server.address, 9090) == "outside"
    assert reached(world, vps, other.address, 8080) == "outside"


ANSWERER = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind((sys.argv[1], 53))
    print("listens", flush=True)
    while True:
        question, asker = server.recvfrom(512)
        end = question.index(b"\\0", 12) + 5
        head = question[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0"
        answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xc0\\0\\2\\7"  # 192.0.2.7
        server.sendto(head + question[12:end] + answer, asker)
"""


@pytest.fixture
def nameserver() -> Iterator[str]:
    """An address of the node on which a nameserver of its own answers everything with 192.0.2.7."""
    number = int.from_bytes(os.urandom(2), "big")
    address = f"198.18.{number >> 8}.{number & 255}"
    subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    try:
        with subprocess.Popen([sys.executable, "-c", ANSWERER, address], stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            server.stdout.readline()
            yield address
            server.kill()
    finally:
        subprocess.run(["ip", "addr", "del", f"{address}/32", "dev", "lo"], check=True)


def looked_up(world: DockerWorld, nameserver: str) -> str:
    """What a container of the network is told of a name, where this is the engine's nameserver."""
    image = a_spec(world).image
    command = ["docker", "run", "--rm", "--network", world.network, "--dns", nameserver, image]
    ask = ["timeout", "10", "nslookup", "-type=a", "river.example"]
    return subprocess.run([*command, *ask], capture_output=True, text=True, check=False).stdout


async def test_a_node_that_is_its_own_nameserver_answers_its_vpses_and_nothing_else(
    world: DockerWorld, node_port: NodePort, nameserver: str
) -> None:
    await isolated(world)
    assert "192.0.2.7" not in await asyncio.to_thread(looked_up, world, nameserver), "it is not let in yet"
    isolation = Isolation(Iptables(), cluster=world.cluster, resolvers=lambda: (nameserver,))
    await isolation.step(await world.runtime.ensure_network(world.network))
    assert isolation.verdict is not None and isolation.verdict.ok, isolation.verdict
    assert "192.0.2.7" in await asyncio.to_thread(looked_up, world, nameserver)
    assert reached(world, await a_vps(world), nameserver, node_port.port) == ""


async def test_two_clusters_on_one_engine_do_not_reach_each_other(world: DockerWorld) -> None:
    async with a_docker_world() as other:
        port = world.free_port()
        await isolated(world)
        await isolated(other)
        first = await a_vps(world)
        second = await a_vps(other, ports=(PortBinding(22, "0.0.0.0", port),))  # noqa: S104
        assert second.ip is not None
        assert reached(world, first, second.ip, 22) == ""
        assert reached(world, first, gateway(other), port) == ""
        assert reached(world, first, gateway(world), port) == ""
        remove_chains(chains(other.cluster))
