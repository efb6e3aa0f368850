"""A node that was asleep, or cut off: its connections are dead, and what it knows of the API is of before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATHS, Json, Node, a_manifest
from tests.apiserver.api import Api, running_api
from tests.fakes.engine import FakeEngine
from tests.system.simulated import RunningController
from tests.system.simulation.link import Link

pytestmark = [pytest.mark.looptime, pytest.mark.fault(67)]
WITHIN = 3.0  # seconds after it is back: a renewal is tried each second


@contextlib.asynccontextmanager
async def a_node_with_a_vps(folder: Path) -> AsyncIterator[tuple[Api, Node, Link]]:
    """It runs the VPS dev, and its agent reaches the server through the link alone."""
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        link = await stack.enter_async_context(Link(int(api.url.rsplit(":", 1)[1])))
        await stack.enter_async_context(RunningController(api, "c1"))
        node = Node(api, FakeEngine(), folder, url=link.url)
        await node.start_agent()
        stack.push_async_callback(node.kill_agent)
        await api.create(kinds.VPS, a_manifest())
        await node.until(phase="running")
        yield api, node, link


def wake(link: Link) -> None:
    """It reaches the server again, and what was open is dead: the other side has let go of it."""
    for end in link.ends:
        end.other = None
    link.heal()


async def read(api: Api, path: str) -> Json:
    return dict((await api.get(path)).body)


async def ready(api: Api) -> str:
    node = await read(api, kinds.NODE.path(name="n1"))
    return {one["type"]: str(one["status"]) for one in node["status"]["conditions"]}["Ready"]


async def phase(api: Api) -> str:
    return str((await read(api, f"{PATHS}/dev"))["status"]["phase"])


async def test_it_is_back_within_seconds_of_its_next_renewal(tmp_path: Path) -> None:
    async with a_node_with_a_vps(tmp_path) as (api, _, link):
        link.cut()
        await asyncio.sleep(30)
        assert (await ready(api), await phase(api)) == ("Unknown", "lost")
        wake(link)
        await asyncio.sleep(WITHIN)
        assert (await ready(api), await phase(api)) == ("True", "running")


async def test_what_was_declared_meanwhile_is_done_as_soon_as_it_is_back(tmp_path: Path) -> None:
    async with a_node_with_a_vps(tmp_path) as (api, node, link):
        link.cut()
        await asyncio.sleep(30)
        await node.change(runState="Stopped")
        wake(link)
        await asyncio.sleep(WITHIN)
        assert await phase(api) in ("stopping", "stopped")


async def test_a_write_that_hangs_from_before_holds_up_none_of_what_is_said_then(tmp_path: Path) -> None:
    """As after a cut in one direction: it hears that it is called lost, and its answer goes nowhere."""
    async with a_node_with_a_vps(tmp_path) as (api, node, link):
        link.cut()
        await asyncio.sleep(30)
        assert node.agent is not None
        node.agent.watches.nodes.overlay(await read(api, kinds.NODE.path(name="n1")))
        await asyncio.sleep(2)  # of the ten in which it waits for the answer
        wake(link)
        await asyncio.sleep(WITHIN)
        assert (await ready(api), await phase(api)) == ("True", "running")
