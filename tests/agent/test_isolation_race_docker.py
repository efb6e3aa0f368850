"""The rules while the engine is at its own: networks come and go, and a neighbour knocks all the while."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import docker
import pytest

from kohakuriver.agent.runtime.base import PortBinding
from tests.agent.docker_world import DockerWorld
from tests.agent.isolation_kit import Outside, a_vps, a_world_of_rules, isolated, two_neighbours

pytestmark = pytest.mark.docker

NETWORKS = 25
KNOCKER = """
import select, socket, sys
print("knocks", flush=True)
poll, pending = select.epoll(), {}
while True:
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex((sys.argv[1], int(sys.argv[2])))
    pending[one.fileno()] = one
    poll.register(one, select.EPOLLOUT)
    for number, event in poll.poll(0.001):
        if not event & (select.EPOLLERR | select.EPOLLHUP):
            print("entered", flush=True)
        poll.unregister(number)
        pending.pop(number).close()
    if len(pending) > 500:
        next(iter(pending.values())).close()
        del pending[next(iter(pending))]
"""


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_world_of_rules() as made:
        yield made


@pytest.fixture
def neighbours() -> Iterator[tuple[Outside, Outside]]:
    with two_neighbours() as made:
        yield made


async def test_no_connection_gets_in_while_the_engine_makes_and_removes_networks(
    world: DockerWorld, neighbours: tuple[Outside, Outside]
) -> None:
    await isolated(world)
    vps = await a_vps(world, ports=(PortBinding(22, "127.0.0.1", world.free_port()),))
    assert vps.ip is not None
    with neighbours[0].runs(KNOCKER, vps.ip, "22") as knocker:
        await asyncio.to_thread(make_and_remove_networks, world.client)
        knocker.kill()
        said = knocker.communicate()[0].decode()
    assert "entered" not in said


def make_and_remove_networks(client: docker.APIClient) -> None:
    for _ in range(NETWORKS):
        made = client.create_network(f"kr-test-{uuid.uuid4().hex[:8]}", driver="bridge")
        client.remove_network(made["Id"])
