"""The whole screen at 80 and 160 columns, compared with the files in screens/; without colour, none is used.

After a change that is wanted, write them anew with KOHAKURIVER_SCREENS=write, and look at the difference.
"""

import os
from pathlib import Path

import pytest

from kohakuriver.resources import kinds
from tests.cli.vps.objects import CREATED, a_node, a_vps, an_allocation

pytestmark = pytest.mark.looptime  # Textual's pauses cost nothing

SCREENS = Path(__file__).parent / "screens"
WRITE = os.environ.get("KOHAKURIVER_SCREENS") == "write"
SIZES = {"80": (80, 24), "160": (160, 48)}
WHY = "0 of 3 nodes fit: 2 short of memory (need 16Gi, most free 9.5Gi on n2), 1 cordoned"


async def furnish(shell) -> None:
    with_gpus = a_node("n2")
    with_gpus["status"]["gpus"] = [{"index": number, "uuid": f"g{number}"} for number in range(4)]
    for node in (a_node("n1"), with_gpus, a_node("n3", ready="Unknown", unschedulable=True)):
        await shell.put(kinds.NODE, node)
    whole = {"cores": "8", "memory": "1Gi"}
    part = {"cores": "2500m", "memory": "20Gi", "gpus": ["g0", "g1", "g2"]}
    await shell.put(kinds.NODE_ALLOCATION, an_allocation("n1", dev=whole))
    await shell.put(kinds.NODE_ALLOCATION, an_allocation("n2", train=part))
    for vps in (
        a_vps("big", "pending", node="", why=WHY, reason="NoRoom", memory="16Gi"),
        a_vps("dev"),
        a_vps("far", "lost", node="n3", why="node n3 has been silent since 11:58; it was running then"),
        a_vps("gone", deleting=True, why="waiting for node n1 to remove its container"),
        a_vps("old", "stopped", run_state="Stopped", why="its files are kept on n1"),
        a_vps("train", "assigning", node="n2", why="pulling 43 %", memory="20Gi"),
    ):
        await shell.put(kinds.VPS, vps)
    event = {
        "metadata": {"name": "big.1", "namespace": "default", "creationTimestamp": CREATED},
        "involvedObject": {"kind": "VPS", "name": "big", "namespace": "default", "uid": "uid-of-big"},
        "type": "Warning",
        "reason": "Unschedulable",
        "message": WHY,
        "lastTimestamp": CREATED,
        "count": 3,
    }
    await shell.api.create(kinds.EVENT, event)


@pytest.mark.parametrize("columns", SIZES)
async def test_the_screen_is_as_it_was(shell, watcher, columns: str) -> None:
    await furnish(shell)
    async with watcher(SIZES[columns]) as one:
        await one.sees("Unschedulable", "3/4", "train")
        file = SCREENS / f"dashboard-{columns}.txt"
        if WRITE:
            file.write_text(one.screen())
        assert one.screen() == file.read_text()


async def test_without_colour_none_is_used_and_the_cursor_is_seen(shell, watcher, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    await furnish(shell)
    async with watcher(colour=False) as one:
        await one.sees("Unschedulable", "3/4", "train")
        strips = one.app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style]
        colours = {colour.name for style in styles for colour in (style.color, style.bgcolor) if colour}
        assert colours <= {"default"}
        reversed_ = "".join(
            segment.text for strip in strips for segment in strip if segment.style and segment.style.reverse
        )
        assert "big" in reversed_ and "dev" not in reversed_
