"""Policies on a real packet filter: two namespaces on one bridge, and two machines beside the node."""

import asyncio
import contextlib
import dataclasses
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.egress import Egress
from kohakuriver.agent.machine.closed import Servers
from kohakuriver.agent.machine.inside import Namespaces
from kohakuriver.agent.machine.isolation import Isolation
from kohakuriver.agent.machine.ports import KernelPorts
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container, PortBinding
from kohakuriver.agent.runtime.iptables import Iptables
from kohakuriver.resources import kinds
from tests.agent.agent_kit import a_manifest
from tests.agent.docker_node import SETTINGS, SMALL, DockerNode, a_docker_node
from tests.agent.docker_world import DockerWorld
from tests.agent.isolation_kit import SERVES, Outside, a_world_of_rules, reached, two_neighbours
from tests.agent.ports_contract import PortsContract
from tests.agent.runtime_contract import a_spec

pytestmark = pytest.mark.docker

IP_TRANSPARENT: Final = 19
ECHO = """
import socket
server = socket.create_server(("0.0.0.0", 7))
print("listens", flush=True)
while True:
    connection = server.accept()[0]
    while data := connection.recv(100):
        connection.sendall(data)
"""
HEARS = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 7))
print("listens", flush=True)
while True:
    print(server.recv(100).decode(), flush=True)
"""


class Cluster:
    """Two namespaces, `a` and `b`, with a VPS each, and an API server that says what it is told to say."""

    def __init__(self, world: DockerWorld) -> None:
        self.world = world
        self.policies: dict[str, dict[str, list[str]]] = {}
        self.held: dict[str, list[str]] = {"a": [], "b": []}
        self.roster = Roster()
        self.servers: list[str] = []
        self.begin()

    def begin(self) -> None:
        """An agent begins."""
        self.egress = Egress(self, self.roster, KernelPorts(), node="n1")  # type: ignore[arg-type]
        servers = Servers(lambda: self.servers)
        cluster = self.world.cluster
        self.isolation = Isolation(Iptables(), cluster=cluster, servers=servers, egress=self.egress)

    async def call(self, method: str, path: str, *, has_kind: bool) -> dict[str, Any]:
        return {"policies": self.policies, "namespaces": self.held, "unreadable": []}

    async def vps(self, namespace: str, **changes: object) -> Container:
        spec = a_spec(self.world, command=SERVES, **changes)
        named = dataclasses.replace(spec, labels={**spec.labels, labels.NAMESPACE: namespace})
        id_ = await self.world.runtime.create(named)
        await self.world.runtime.start(id_)
        return await self.look(id_)

    async def look(self, id_: str) -> Container:
        found = await self.world.runtime.inspect(id_)
        assert found is not None
        self.roster.put(found)
        return found

    async def step(self) -> None:
        await self.egress.step()
        await self.isolation.step(await self.world.runtime.ensure_network(self.world.network))
        assert self.isolation.verdict is not None and self.isolation.verdict.ok, self.isolation.verdict
        assert self.egress.verdict(self.isolation.verdict).ok, self.egress.verdict(self.isolation.verdict)

    async def deny(self, namespace: str, *networks: str, allow: tuple[str, ...] = ()) -> None:
        self.policies[f"for-{namespace}"] = {"deny": list(networks), "allow": list(allow)}
        self.held[namespace] = [f"for-{namespace}"]
        await self.step()

    def reached(self, container: Container, address: str, port: int = 8080) -> str:
        return reached(self.world, container, address, port)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with a_world_of_rules() as world:
        yield Cluster(world)


@pytest.fixture
def neighbours() -> Iterator[tuple[Outside, Outside]]:
    with two_neighbours() as made:
        yield made


def network_of(outside: Outside) -> str:
    return f"{outside.address.rpartition('.')[0]}.0/24"


async def test_a_denied_network_is_closed_to_the_namespace_that_is_chosen_and_to_no_other(
    cluster: Cluster, neighbours: tuple[Outside, Outside]
) -> None:
    denied, other = neighbours
    a, b = await cluster.vps("a"), await cluster.vps("b")
    await cluster.step()
    assert cluster.reached(a, denied.address) == "outside"
    await cluster.deny("a", network_of(denied))
    assert cluster.reached(a, denied.address) == ""
    assert cluster.reached(a, other.address) == "outside"
    assert cluster.reached(b, denied.address) == "outside"


async def test_an_allow_opens_what_the_default_closes_to_its_namespace_alone_and_a_deny_closes_it(
    cluster: Cluster, neighbours: tuple[Outside, Outside]
) -> None:
    server = neighbours[0]
    cluster.servers = [f"https://{server.address}:8080"]
    a, b = await cluster.vps("a"), await cluster.vps("b")
    await cluster.deny("a", allow=(f"{server.address}/32",))
    assert cluster.reached(a, server.address) == "outside"
    assert cluster.reached(b, server.address) == ""
    await cluster.deny("a", network_of(server), allow=(f"{server.address}/32",))
    assert cluster.reached(a, server.address) == ""


async def test_what_nobody_knows_yet_is_denied_what_any_policy_denies(
    cluster: Cluster, neighbours: tuple[Outside, Outside]
) -> None:
    denied, other = neighbours
    await cluster.deny("a", network_of(denied))
    b = await cluster.vps("b")
    assert cluster.reached(b, denied.address) == "", "before the agent has seen it run"
    assert cluster.reached(b, other.address) == "outside"
    await cluster.step()
    assert cluster.reached(b, denied.address) == "outside"
    await cluster.world.runtime.stop(b.id, grace=0)
    await cluster.world.runtime.start(b.id)
    assert cluster.reached(b, denied.address) == "", "its port is another one"
    await cluster.look(b.id)
    await cluster.step()
    assert cluster.reached(b, denied.address) == "outside"


async def test_a_deny_ends_connections_that_are_open_and_leaves_those_that_came_in(
    cluster: Cluster, neighbours: tuple[Outside, Outside]
) -> None:
    denied = neighbours[0]
    port = cluster.world.free_port()
    a = await cluster.vps("a", ports=(PortBinding(22, "0.0.0.0", port),))  # noqa: S104
    await cluster.step()
    server, namespaces = denied.runs(ECHO), Namespaces()
    with contextlib.closing(namespaces), await namespaces.make(a, socket.AF_INET, socket.SOCK_STREAM) as out:
        try:
            out.settimeout(3)
            out.connect((denied.address, 7))
            out.sendall(b"before")
            assert out.recv(100) == b"before"
            await cluster.deny("a", network_of(denied))
            out.sendall(b"after")
            with pytest.raises(TimeoutError):
                out.recv(100)
            assert denied.asks(denied.node, port) == "hello", "people still come in from there"
        finally:
            ended(server)


async def test_a_forged_address_does_not_get_out_by_another_namespaces_way(
    cluster: Cluster, neighbours: tuple[Outside, Outside]
) -> None:
    denied = neighbours[0]
    a, b = await cluster.vps("a"), await cluster.vps("b")
    await cluster.step()
    hears, namespaces = denied.runs(HEARS), Namespaces()
    with (
        contextlib.closing(namespaces),
        await namespaces.make(a, socket.AF_INET, socket.SOCK_DGRAM) as forger,
        await namespaces.make(b, socket.AF_INET, socket.SOCK_DGRAM) as honest,
    ):
        try:
            assert b.ip is not None and hears.stdout is not None
            forger.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
            forger.bind((b.ip, 4000))
            forger.sendto(b"forged", (denied.address, 7))
            assert hears.stdout.readline() == b"forged\n", "where nothing is denied it gets there"
            await cluster.deny("a", network_of(denied))
            forger.sendto(b"forged again", (denied.address, 7))
            honest.sendto(b"honest", (denied.address, 7))
            assert hears.stdout.readline() == b"honest\n"
        finally:
            ended(hears)


async def test_an_agent_that_begins_anew_finds_the_rules_as_they_are(
    cluster: Cluster, neighbours: tuple[Outside, Outside]
) -> None:
    denied = neighbours[0]
    a = await cluster.vps("a")
    await cluster.deny("a", network_of(denied))
    mine = [line for line in await Iptables().rules() if cluster.world.cluster[:8] in line]
    cluster.begin()
    assert cluster.reached(a, denied.address) == ""
    await cluster.step()
    assert [line for line in await Iptables().rules() if cluster.world.cluster[:8] in line] == mine


async def is_let_out(node: DockerNode, address: str) -> bool:
    """Whether the one VPS of the node reaches that machine."""
    assert node.runtime is not None
    (id_,) = await asyncio.to_thread(node.ids)
    container = await node.runtime.inspect(id_)
    assert container is not None
    with (
        contextlib.closing(Namespaces()) as namespaces,
        await namespaces.make(container, socket.AF_INET, socket.SOCK_STREAM) as out,
    ):
        out.settimeout(2)
        try:
            await asyncio.to_thread(out.connect, (address, 8080))
        except OSError:
            return False
        return True


async def until_let_out(node: DockerNode, address: str, wanted: bool) -> None:
    async with asyncio.timeout(60):
        while await is_let_out(node, address) != wanted:
            pass


async def test_a_policy_made_at_the_api_server_holds_in_a_vps_whatever_becomes_of_its_agent(
    tmp_path: Path, neighbours: tuple[Outside, Outside]
) -> None:
    denied = neighbours[0]
    async with a_docker_node(tmp_path) as node:
        await node.place(a_manifest(resources=SMALL))
        await node.until(phase="running")
        await until_let_out(node, denied.address, True)
        spec = {"egress": {"deny": [network_of(denied)]}}
        await node.api.create(kinds.POLICY, {"metadata": {"name": "closed"}, "spec": spec})
        await until_let_out(node, denied.address, False)
        assert await is_let_out(node, neighbours[1].address)
        await node.kill_agent()
        assert not await is_let_out(node, denied.address)
        await node.start_agent(**SETTINGS)
        await node.change(restartRequest="r1")
        await node.until(restartRequest="r1", phase="running")
        assert not await is_let_out(node, denied.address)
        assert (await node.api.call("DELETE", kinds.POLICY.path(name="closed"))).code == 200
        await until_let_out(node, denied.address, True)


def ended(program: subprocess.Popen[bytes]) -> None:
    program.kill()
    program.communicate()


class TestKernelPorts(PortsContract):
    @pytest.fixture
    def ports(self) -> KernelPorts:
        return KernelPorts()

    @pytest.fixture
    async def world(self) -> AsyncIterator[DockerWorld]:
        async with a_world_of_rules() as world:
            yield world

    @pytest.fixture
    async def bridge(self, world: DockerWorld) -> str:
        return await world.runtime.ensure_network(world.network)

    async def test_what_is_told_are_ports_of_the_bridge(
        self, ports: KernelPorts, world: DockerWorld, bridge: str
    ) -> None:
        one = await self.running(world)
        found = await ports.find(bridge, [one])
        listed = await asyncio.to_thread(os.listdir, f"/sys/class/net/{bridge}/brif")
        assert found[one.id] in listed
        assert await ports.find("docker0", [one]) == {}, "it hangs on another bridge"
