"""What a browser holds for the web page that is left open: heap, DOM nodes, listeners, after a collection.

    python -m benchmarks.page_memory [--minutes 3]

Four tabs of one Chromium, at a stand-in for the API server: the list of 1,000 VPSes, of which twenty change a
second; a shell that writes twenty lines a second; a log that does; and somebody who goes from screen to
screen. "An hour" is what an hour would add, by the second half of the run.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import itertools

from playwright.async_api import CDPSession, Page

from benchmarks._figures import table
from benchmarks._page import VPSES, StandIn, a_browser, standing_in, vps

PAUSE = 0.05
ONE = "/ui/vps/team-1/v0001"
WALK = (
    "/ui/vpses",
    f"{ONE}/terminal",
    f"{ONE}/logs",
    f"{ONE}/overview",
    "/ui/cluster",
    f"{ONE}/files",
    "/ui/create",
)


FOLLOW = """(path) => {
  const link = Object.assign(document.createElement("a"), { href: path });
  document.body.append(link);
  link.click();
  link.remove();
}"""


@dataclasses.dataclass
class Held:
    heap: float  # MB
    nodes: int
    listeners: int


async def held(session: CDPSession) -> Held:
    for _ in range(3):  # what one collection frees may let go of more
        await session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in (await session.send("Performance.getMetrics"))["metrics"]}
    return Held(metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"]), int(metrics["JSEventListeners"]))


async def change(server: StandIn) -> None:
    for number in itertools.count():
        await server.change("vpses", vps(number * 7 % VPSES + 1, message=f"changed {number}"))
        await asyncio.sleep(PAUSE)


async def walk(page: Page, turn: asyncio.Lock) -> None:
    """By links, as a person: the page is never loaded again."""
    for path in itertools.cycle(WALK):
        async with turn:
            await page.evaluate(FOLLOW, path)
            await asyncio.sleep(1)


async def back(page: Page) -> None:
    """Where the walk began, so that what it holds can be compared."""
    await page.evaluate(FOLLOW, WALK[0])
    await asyncio.sleep(3)


async def run(minutes: int) -> None:
    async with standing_in() as server, a_browser() as browser, contextlib.AsyncExitStack() as ends:
        server.pause = PAUSE
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        tabs = {
            "the list": "/ui/vpses",
            "a shell": f"{ONE}/terminal",
            "a log": f"{ONE}/logs",
            "a walk": WALK[0],
        }
        sessions: dict[str, CDPSession] = {}
        for name, path in tabs.items():
            page = await context.new_page()
            await page.goto(server.url + path)
            sessions[name] = await context.new_cdp_session(page)
            await sessions[name].send("Performance.enable")
        turn = asyncio.Lock()
        works = [asyncio.create_task(change(server)), asyncio.create_task(walk(page, turn))]
        for work in works:
            ends.callback(work.cancel)
        seen: dict[str, list[Held]] = {name: [] for name in tabs}
        for minute in range(minutes + 1):
            for name, session in sessions.items():
                async with turn:
                    if name == "a walk":
                        await back(page)
                    one = await held(session)
                seen[name].append(one)
                found = f"{one.heap:6.1f} MB  {one.nodes:>6} nodes  {one.listeners:>5} listeners"
                print(f"{minute:>3} min  {name:<9} {found}", flush=True)
            for work in works:
                if work.done():
                    work.result()
            if minute < minutes:
                await asyncio.sleep(60)
    rows = [["tab", "heap at first", "at last", "an hour", "nodes", "an hour", "listeners", "an hour"]]
    for name, all_seen in seen.items():
        first, middle, last = all_seen[1 % len(all_seen)], all_seen[len(all_seen) // 2], all_seen[-1]
        hours = max(1, len(all_seen) - 1 - len(all_seen) // 2) / 60
        rows.append(
            [
                name,
                f"{first.heap:.1f} MB",
                f"{last.heap:.1f} MB",
                f"{(last.heap - middle.heap) / hours:+.1f} MB",
                f"{first.nodes} → {last.nodes}",
                f"{(last.nodes - middle.nodes) / hours:+.0f}",
                f"{first.listeners} → {last.listeners}",
                f"{(last.listeners - middle.listeners) / hours:+.0f}",
            ]
        )
    table(f"The page left open for {minutes} minutes", rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=3)
    asyncio.run(run(parser.parse_args().minutes))


if __name__ == "__main__":
    main()
