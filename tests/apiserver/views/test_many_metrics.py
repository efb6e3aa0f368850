"""What many VPSes use is asked for in pieces, so that others are served meanwhile; nonsense stops nobody."""

import asyncio
from typing import Any

import pytest

from kohakuriver.apiserver.views.usage import IN_ONE_TURN, Usages, Wanted
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.apiserver.streaming.test_streams import place
from tests.apiserver.views.kit import a_vps, put
from tests.apiserver.views.test_metrics import PODS, SAID, an_agent_that_says
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime


async def test_readings_are_begun_a_few_in_each_turn() -> None:
    begun, most = 0, 0

    async def ask() -> Any:
        nonlocal begun
        begun += 1
        return SAID

    async def turn() -> None:
        nonlocal begun, most
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        most, begun = max(most, begun), 0

    usages = Usages(LoopClock())
    wanted = [Wanted((f"u{number}", 1), f"n{number}", ask) for number in range(200)]
    assert len(await usages.read(wanted, turn=turn)) == 200
    assert 0 < most <= IN_ONE_TURN


async def test_a_list_of_many_gives_others_their_turns() -> None:
    async with running_api() as api:
        for number in range(2000):
            vps = a_vps(f"v{number:04d}", node="n9")
            vps["metadata"]["uid"] = f"u{number}"
            await put(api, kinds.VPS, vps)
        turns, taking = 0, api.server.limiter._turns.take

        async def take(pool: Any, credential: Any) -> None:
            nonlocal turns
            turns += 1
            await taking(pool, credential)

        api.server.limiter._turns.take = take  # type: ignore[method-assign]
        assert (await api.get(PODS)).body["items"] == []
        assert turns >= 2 * 2000 / IN_ONE_TURN


@pytest.mark.parametrize("nonsense", [[], {}, 5, None])
async def test_a_vps_without_a_readable_uid_or_node_has_no_figures_and_stops_no_others(nonsense: Any) -> None:
    async with running_api() as api:
        await place(api)
        odd, placed = a_vps("odd"), a_vps("placed")
        odd["metadata"]["uid"] = nonsense
        placed["status"]["assignment"]["node"] = nonsense
        await put(api, kinds.VPS, odd)
        await put(api, kinds.VPS, placed)
        async with an_agent_that_says(api, SAID):
            listed = await api.get(PODS)
        assert listed.code == 200, listed.body
        assert [item["metadata"]["name"] for item in listed.body["items"]] == ["dev"]
