"""What an engine with a parent of its own for cgroups (`--cgroup-parent`) runs is found, and ended."""

import asyncio
from collections.abc import Iterator

import docker
import pytest

from kohakuriver.agent.runtime import leftovers
from kohakuriver.agent.runtime.leftovers import Sight
from tests.e2e.machines import Machine, free_network

pytestmark = pytest.mark.docker
IMAGE = "kohakuriver/busybox"


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Its engine has `--cgroup-parent`, and the small image."""
    made = Machine("left", network=free_network(), number=2)
    try:
        made.start()
        here, there = docker.APIClient(version="auto"), made.client()
        there.load_image(here.get_image(IMAGE))
        here.close()
        there.close()
        yield made
    finally:
        made.remove()


async def test_what_runs_below_a_parent_that_somebody_chose_is_found_and_ended(machine: Machine) -> None:
    client = machine.client()
    container = client.create_container(IMAGE, ["sleep", "1000"], network_disabled=True)["Id"]
    client.start(container)
    pid = client.inspect_container(container)["State"]["Pid"]
    assert machine.processes() == [pid], "it is below the parent that the engine was given"
    sight = Sight()
    for _ in range(2):
        sight.check(container, pid)
    sight.require()
    assert await leftovers.end("0" * 64) == 0
    assert await leftovers.end(container) == 1
    assert machine.processes() == []
    assert (await asyncio.to_thread(client.wait, container))["StatusCode"] == 137
    client.close()
