"""The dashboard as somebody uses it: it shows what there is, follows what changes, filters and describes."""

import pytest

from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_node, a_vps, an_allocation

pytestmark = pytest.mark.looptime  # Textual's pauses cost nothing


async def furnish(shell) -> None:
    await shell.put(kinds.NODE, a_node("n1"))
    booking = {"cores": "2", "memory": "4Gi", "sshPort": 30000}
    await shell.put(kinds.NODE_ALLOCATION, an_allocation("n1", dev=booking))
    await shell.put(kinds.VPS, a_vps("dev"))
    await shell.put(kinds.VPS, a_vps("old", "stopped", run_state="Stopped", why="its files are kept on n1"))
    await shell.put(kinds.VPS, a_vps("big", "pending", node="", why="0 of 1 nodes fit: 1 short of memory"))


async def test_nodes_and_vpses_are_shown(shell, watcher) -> None:
    await furnish(shell)
    async with watcher() as one:
        await one.sees("n1", "Ready", "2/8", "4Gi/30Gi", "● running", "· stopped", "○ pending")
        await one.sees("1 running · 1 pending · 1 stopped", "0 of 1 nodes fit")
        assert one.app.selected["metadata"]["name"] == "big"


async def test_a_cluster_without_anything_says_what_to_do(watcher) -> None:
    async with watcher() as one:
        await one.sees("`kohakuriver up` makes this machine one", "`kohakuriver vps create` makes one")


async def test_what_changes_is_shown_without_asking(shell, watcher) -> None:
    async with watcher() as one:
        await one.sees("no VPSes")
        await shell.put(kinds.VPS, a_vps("new", "assigning", why="pulling 43 %"))
        await one.sees("new", "◐ assigning", "pulling 43 %")
        await shell.put(kinds.VPS, a_vps("new"))
        await one.sees("● running")
        await shell.api.call("DELETE", "/apis/kohakuriver.io/v1alpha1/namespaces/default/vpses/new")


async def test_the_cursor_stays_on_its_vps_when_others_come_and_go(shell, watcher) -> None:
    await furnish(shell)
    async with watcher() as one:
        await one.sees("dev")
        await one.press("down")
        assert one.app.selected["metadata"]["name"] == "dev"
        for name in ("aaa", "bbb", "zzz"):
            await shell.put(kinds.VPS, a_vps(name))
        await one.sees("aaa", "zzz")
        assert one.app.selected["metadata"]["name"] == "dev"
        await one.press("o", "o")
        await one.sees("by node")
        assert one.app.selected["metadata"]["name"] == "dev"


async def test_a_filter_is_typed_kept_and_dropped(shell, watcher) -> None:
    await furnish(shell)
    async with watcher() as one:
        await one.sees("dev", "old")
        await one.press("slash")
        await one.type("n1 !stop")
        await one.sees_no("old  ")
        await one.press("enter")
        await one.sees("/n1 !stop: 1 of 3  1 running")
        assert "stopped" not in one.lines()[0] and "pending" not in one.lines()[0], "the rest is not counted"
        assert [key.name for key in one.app.vpses.keys] == ["dev"]
        assert one.app.focused is one.app.vpses
        await one.press("escape")
        await one.sees("old", "big")
        await one.press("slash")
        await one.type("nothing of that name")
        await one.sees("none of 3 match; Esc shows all")


async def test_another_namespace_is_looked_at(shell, watcher) -> None:
    await furnish(shell)
    async with watcher() as one:
        await one.sees("dev", "default")
        await one.press("n")
        await one.sees("Which namespace?")
        for _ in "default":
            await one.press("backspace")
        await one.type("lab")
        await one.press("enter")
        await one.sees("test  lab", "no VPSes")
        await one.press("n", "escape")
        await one.press("n")
        await one.sees("Which namespace?")
        for _ in "lab":
            await one.press("backspace")
        await one.press("enter")
        await one.sees("all namespaces", "NAMESPACE", "dev", "old", "big")
        await one.press("down", "d")
        await one.sees("vps/dev")


async def test_a_vps_and_a_node_are_described(shell, watcher) -> None:
    await furnish(shell)
    async with watcher((160, 48)) as one:
        await one.sees("dev")
        await one.press("down", "enter")
        await one.sees("Name:       dev", "uid-of-dev", "kohakuriver-default-dev-12345678")
        await shell.put(kinds.VPS, a_vps("dev", image="another:1"))
        await one.sees("another:1")
        await one.press("escape", "tab", "d")
        await one.sees("node/n1", "2/8 booked", "default/dev")
        await one.press("q")
        await one.sees_no("2/8 booked")
        assert one.app.is_running


async def test_events_of_the_selected_vps_are_shown(shell, watcher) -> None:
    await furnish(shell)
    async with watcher() as one:
        await one.sees("no events in the last hour")
        await one.press("down")
        event = {
            "metadata": {"name": "dev.1", "namespace": "default"},
            "involvedObject": {"kind": "VPS", "name": "dev", "namespace": "default", "uid": "uid-of-dev"},
            "type": "Warning",
            "reason": "Crashed",
            "message": "its main process ended with 1",
        }
        await shell.api.create(kinds.EVENT, event)
        await one.sees("Crashed", "its main process ended with 1")
        await one.press("up")
        await one.sees_no("Crashed")


async def test_somebody_who_may_not_read_bookings_sees_the_nodes(shell, watcher) -> None:
    await furnish(shell)
    async with watcher(user="alice") as one:
        await one.sees("n1", "Ready", "● running")
        assert "2/8" not in one.screen() and not one.app.world.trouble


async def test_the_keys_are_listed_and_q_quits(shell, watcher) -> None:
    await furnish(shell)
    async with watcher() as one:
        await one.sees("dev")
        await one.press("question_mark")
        await one.sees("to the nodes, and back")
        await one.press("escape", "f1")
        await one.sees("to the nodes, and back")
        await one.press("q", "q")
        await one.until(lambda: one.app._exit)
        assert one.app.return_value == 0


async def test_nonsense_in_one_object_is_said_and_the_others_are_shown(shell, watcher) -> None:
    await furnish(shell)
    odd, strange = a_vps("odd"), a_node("n2")
    odd["status"] |= {"assignment": "n1", "conditions": 5, "observed": []}
    strange["status"] = {"allocatable": {"cores": "lots"}, "conditions": "good", "gpus": 2}
    await shell.put(kinds.VPS, odd)
    await shell.put(kinds.NODE, strange)
    await shell.put(kinds.NODE_ALLOCATION, {**an_allocation("n2"), "bookings": {"u": 5, "v": {"cores": "x"}}})
    async with watcher(size=(160, 40)) as one:
        await one.sees("n1", "n2", "Unreadable", "dev", "odd", "cannot be read: status.assign")
        await one.press("down", "down")
        assert one.app.selected["metadata"]["name"] == "odd"
        await one.press("enter")
        await one.sees("vps/odd", "status.assignment")
