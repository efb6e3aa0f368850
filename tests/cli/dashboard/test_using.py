"""What VPSes use is asked for gently, and only while it is seen."""

import asyncio
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.cli.tui.dashboard.using import EVERY, MOST, Using
from tests.cli.vps.objects import a_vps

pytestmark = pytest.mark.looptime

STATS = {"cores": 0.5, "memory": 64 << 20, "processes": 3}


class Node:
    """Says what its VPSes use, after a while."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.is_away = False

    async def use(self, vps: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(vps["metadata"]["name"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(1)
        self.at_once -= 1
        if self.is_away:
            raise errors.Unreachable("no answer")
        return STATS


async def test_only_running_vpses_in_sight_are_asked_and_a_few_at_a_time():
    node, told = Node(), []
    vpses = [a_vps(f"v{number}") for number in range(100)]
    sight = [a_vps("off", "stopped", run_state="Stopped"), *vpses[:30]]
    using = Using(node.use, lambda: sight, lambda: told.append(1))
    await using.step()
    assert node.asked == [f"v{number}" for number in range(MOST)] and node.most_at_once <= 4
    assert using.of(vpses[0]) == "uses 0.50, 64Mi" and using.of(sight[0]) == ""
    await using.step()
    assert told == [1], "what is as it was is not drawn again"


async def test_nothing_is_asked_while_something_else_is_shown_and_nothing_old_is_kept():
    node, sight = Node(), [a_vps("dev")]
    using = Using(node.use, lambda: list(sight), lambda: None)
    await using.step()
    dev = sight.pop()
    node.asked.clear()
    await using.step()
    assert node.asked == [] and using.of(dev) == ""


async def test_it_asks_again_after_a_while_and_a_node_that_does_not_answer_ends_nothing():
    node, sight = Node(), [a_vps("dev")]
    using = Using(node.use, lambda: sight, lambda: None)
    node.is_away = True
    running = asyncio.create_task(using.run())
    await asyncio.sleep(2)
    assert using.of(sight[0]) == ""
    node.is_away = False
    await asyncio.sleep(2 * EVERY)
    assert using.of(sight[0]) != "" and 2 <= len(node.asked) <= 3
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
