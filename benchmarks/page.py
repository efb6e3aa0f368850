"""How long the web page keeps a browser busy at a time: long lists, a long log, twenty changes a second.

    python -m benchmarks.page [--rounds 3]

A real Chromium, and the page as it was built; a stand-in for the API server, so that nothing else is
measured. What is told is the longest task of each deed, over all rounds: while one runs, nothing that a
person does is answered. Beside its time by the clock stands what it took of a processor, which other work on
the machine does not lengthen much.
"""

import argparse
import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable

from playwright.async_api import Browser, BrowserContext, Page

from benchmarks._figures import table
from benchmarks._page import GPUS, LINES, NODES, VPSES, StandIn, a_browser, allocation, standing_in, vps

TASKS = {"RunTask", "ThreadControllerImpl::RunTask"}
LONG = 50.0  # ms, as browsers count it
Deed = Callable[[Page, StandIn], Awaitable[None]]


async def the_list(page: Page, server: StandIn) -> None:
    await page.goto(f"{server.url}/ui/vpses")
    await page.get_by_role("button", name=f"{VPSES * 9 // 10} running").wait_for()


async def sorted_by(page: Page, server: StandIn) -> None:
    for name in ("Name", "Status", "Node", "Memory", "Age"):
        await page.get_by_role("columnheader", name=name).get_by_role("button").click()
        await settled(page)


async def filtered(page: Page, server: StandIn) -> None:
    for words in ("v0", "c3", "team-4", ""):
        await page.get_by_role("searchbox").fill(words)
        await settled(page)


async def scrolled(page: Page, server: StandIn) -> None:
    for _ in range(20):
        await page.mouse.wheel(0, 2000)
        await settled(page)


async def changed(page: Page, server: StandIn) -> None:
    for number in range(1, 101):
        await server.change("vpses", vps(number * 7 % VPSES + 1, message=f"changed {number}"))
        await asyncio.sleep(0.05)


async def the_nodes(page: Page, server: StandIn) -> None:
    await page.goto(f"{server.url}/ui/cluster")
    await page.get_by_text(f"{NODES} of {NODES}").first.wait_for()
    await settled(page)


async def nodes_found(page: Page, server: StandIn) -> None:
    for words in ("n7", "n77", "a100", ""):
        await page.get_by_role("searchbox").fill(words)
        await settled(page)


async def nodes_change(page: Page, server: StandIn) -> None:
    for number in range(1, 101):
        await server.change("nodeallocations", allocation(number))
        await asyncio.sleep(0.05)


async def the_log(page: Page, server: StandIn) -> None:
    await page.goto(f"{server.url}/ui/vps/team-1/v0001/logs")
    await page.get_by_text(f"{LINES} lines").wait_for()
    await settled(page)
    await settled(page)


async def log_found(page: Page, server: StandIn) -> None:
    for words in ("loss", "step", "WARN", ""):
        await page.get_by_role("searchbox").fill(words)
        await settled(page)
    await page.get_by_label("Times").check()
    await settled(page)
    await page.get_by_label("Wrap").uncheck()
    await settled(page)


async def log_scrolled(page: Page, server: StandIn) -> None:
    box = page.get_by_role("region", name="Log")
    await box.hover()
    for _ in range(40):
        await page.mouse.wheel(0, -2500)
        await settled(page)


IDLE = "() => new Promise((go) => requestIdleCallback(go, { timeout: 5000 }))"


async def settled(page: Page) -> None:
    """What was asked for is drawn, and what follows of it."""
    await page.evaluate(IDLE)
    await page.evaluate(IDLE)
    await asyncio.sleep(0.1)


DEEDS: dict[str, Deed] = {
    f"the list of {VPSES:,} VPSes comes": the_list,
    "it is sorted, five times": sorted_by,
    "it is filtered, four times": filtered,
    "it is scrolled, twenty times": scrolled,
    "twenty of them change a second": changed,
    f"{NODES:,} nodes of {GPUS} GPUs come": the_nodes,
    "nodes are looked for, four times": nodes_found,
    "twenty bookings change a second": nodes_change,
    f"a log of {LINES:,} lines comes": the_log,
    "words are looked for in it, times shown": log_found,
    "it is scrolled to its beginning": log_scrolled,
}


@dataclasses.dataclass(frozen=True)
class Task:
    """One piece of work of the page's main thread, in ms."""

    lasted: float
    worked: float


def tasks_of(trace: bytes) -> list[Task]:
    """All of a trace, the outermost alone."""
    events = json.loads(trace)["traceEvents"]
    main = {
        (one["pid"], one["tid"])
        for one in events
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    found = [one for one in events if one["name"] in TASKS and (one["pid"], one["tid"]) in main]
    tasks, ends = [], 0.0
    for one in sorted(found, key=lambda one: (one["ts"], -one.get("dur", 0))):
        if one["ts"] < ends:
            continue
        ends = one["ts"] + one.get("dur", 0)
        tasks.append(Task(one.get("dur", 0) / 1000, one.get("tdur", 0) / 1000))
    return tasks


async def measured(browser: Browser, server: StandIn) -> dict[str, list[Task]]:
    found = {}
    context: BrowserContext = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    for name, deed in DEEDS.items():
        await browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
        async with asyncio.timeout(120):
            await deed(page, server)
            await settled(page)
        found[name] = tasks_of(await browser.stop_tracing())
    await context.close()
    return found


async def run(rounds: int) -> None:
    taken: dict[str, list[Task]] = {name: [] for name in DEEDS}
    async with standing_in() as server, a_browser() as browser:
        for _ in range(rounds):
            for name, tasks in (await measured(browser, server)).items():
                taken[name] += tasks
    rows = [["what is done", "longest task", "most of a processor", "over 100 ms", f"over {LONG:.0f} ms"]]
    for name, tasks in taken.items():
        lasted = [task.lasted for task in tasks]
        counts = [str(sum(one > limit for one in lasted)) for limit in (100, LONG)]
        rows.append([name, f"{max(lasted):.0f} ms", f"{max(task.worked for task in tasks):.0f} ms", *counts])
    table(f"The page in a browser, {rounds} rounds", rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(run(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
