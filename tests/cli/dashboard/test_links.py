"""The dashboard goes on by itself: after an outage, at another API server, with a thousand VPSes."""

import pytest

from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.cli.shell import Shell
from tests.cli.vps.objects import a_vps
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime  # Textual's pauses cost nothing


async def test_it_says_that_the_link_is_gone_and_goes_on_when_it_is_back(shell, watcher) -> None:
    store = MemoryStore()
    async with running_api(store, clock=SystemClock()) as first:
        shell.url = first.url
        there = Shell(first, shell.folder, None)
        await there.put(kinds.VPS, a_vps("dev"))
        entered = watcher()
        one = await entered.__aenter__()
        await one.sees("● running")
    await one.sees("reconnecting…", "● running")  # what was known stays
    port = int(first.url.rpartition(":")[2])
    async with running_api(store, clock=SystemClock(), port=port) as again:
        await one.sees("1 running")
        await Shell(again, shell.folder, None).put(kinds.VPS, a_vps("new", "paused", run_state="Paused"))
        await one.sees("1 running · 1 paused", "◆ paused")
        await entered.__aexit__(None, None, None)


async def test_it_goes_on_at_the_next_api_server(shell, watcher) -> None:
    store = MemoryStore()
    async with running_api(store, clock=SystemClock()) as second:
        async with running_api(store, clock=SystemClock()) as first:
            shell.url = first.url
            await Shell(first, shell.folder, None).put(kinds.VPS, a_vps("dev"))
            entered = watcher(others=(second.url,))
            one = await entered.__aenter__()
            await one.sees("● running")
        await Shell(second, shell.folder, None).put(kinds.VPS, a_vps("new", "paused", run_state="Paused"))
        await one.sees("1 running · 1 paused", "◆ paused")
        await entered.__aexit__(None, None, None)


async def test_a_thousand_vpses_are_drawn_a_screen_at_a_time(shell, watcher) -> None:
    for number in range(1000):
        await shell.put(kinds.VPS, a_vps(f"vps-{number:04}"))
    async with watcher() as one:
        await one.sees("1000 running", "vps-0000")
        drawn: list[str] = []
        draw = one.app.vpses._draw
        one.app.vpses._draw = lambda key: drawn.append(key.name) or draw(key)
        redraws: list[int] = []
        redraw = one.app.redraw
        one.app.redraw = lambda: redraws.append(1) or redraw()
        for number in range(500):
            await shell.put(kinds.VPS, a_vps(f"vps-{number:04}", "paused", run_state="Paused"))
        await one.sees("500 running · 500 paused")
        assert len(redraws) < 100, f"500 changes were drawn {len(redraws)} times"
        assert len(set(drawn)) < 30, "lines out of sight were drawn"
        await one.press("end")
        await one.sees("vps-0999")
        assert one.app.selected["metadata"]["name"] == "vps-0999"
        await one.press("home", "pagedown")
        await one.sees_no("vps-0999")
