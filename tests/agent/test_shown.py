"""VPSes see their own limits while the node's lxcfs answers, and the machine's when it does not."""

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.shown import FILES
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.agent.shown import TRIES, Shown
from tests.agent.agent_kit import a_manifest, a_node
from tests.fakes.lxcfs import FakeLxcfs

pytestmark = pytest.mark.looptime

ALL = dict.fromkeys(FILES, "0:63")


def a_container(
    id_: str = "c1", *, started: str = "t1", labelled: Mapping[str, str] | None = None
) -> Container:
    return Container(
        id_, id_, "i", "sha256:1", labelled or {}, ContainerState.RUNNING, "t0", started_at=started, pid=7
    )


@dataclasses.dataclass
class ANode:
    """A node with lxcfs, on which one container runs."""

    lxcfs: FakeLxcfs = dataclasses.field(default_factory=FakeLxcfs)
    roster: Roster = dataclasses.field(default_factory=Roster)
    offered: bool = True

    def __post_init__(self) -> None:
        self.shown = Shown(self.lxcfs, self.roster, offered=self.offered)
        self.roster.put(a_container())

    @property
    def seen(self) -> dict[str, str]:
        return self.lxcfs.seen.get("c1", {})


async def test_a_container_is_shown_its_own_and_a_second_look_does_nothing() -> None:
    node = ANode()
    await node.shown.step()
    await node.shown.step()
    assert (node.seen, node.lxcfs.applied, node.lxcfs.looked) == (ALL, 1, 1)


async def test_without_lxcfs_a_container_is_looked_at_once() -> None:
    node = ANode(FakeLxcfs(""))
    await node.shown.step()
    await node.shown.step()
    assert (node.lxcfs.looked, node.lxcfs.applied) == (1, 0)


async def test_what_is_left_of_an_lxcfs_that_is_gone_is_taken_off_once_that_is_possible() -> None:
    node = ANode()
    await node.shown.step()
    node.lxcfs.device = ""
    node.lxcfs.refuses.add("c1")
    await node.shown.step()
    assert node.seen == ALL
    node.lxcfs.refuses.clear()
    await node.shown.step()
    assert node.seen == {}


async def test_what_lxcfs_leaves_behind_is_taken_off_and_the_next_one_shown() -> None:
    node = ANode()
    await node.shown.step()
    node.lxcfs.device = ""
    await node.shown.step()
    assert node.seen == {}
    node.lxcfs.device = "0:70"
    await node.shown.step()
    assert node.seen == dict.fromkeys(FILES, "0:70")


async def test_an_lxcfs_that_was_started_anew_between_two_looks_is_another() -> None:
    node = ANode()
    await node.shown.step()
    node.lxcfs.device = "0:70"
    await node.shown.step()
    assert (node.seen, node.lxcfs.applied) == (dict.fromkeys(FILES, "0:70"), 2)


async def test_turned_off_it_takes_off_what_was_shown() -> None:
    node = ANode(offered=False)
    node.lxcfs.seen["c1"] = dict(ALL)
    await node.shown.step()
    await node.shown.step()
    assert (node.seen, node.lxcfs.applied) == ({}, 1)


async def test_a_privileged_vps_sees_the_machine() -> None:
    node = ANode()
    node.roster.put(a_container(labelled={labels.PRIVILEGED: "true"}))
    await node.shown.step()
    assert node.lxcfs.applied == 0


async def test_a_keep_alive_of_before_keeps_the_kernel_s_uptime() -> None:
    node = ANode()
    node.lxcfs.old.add("c1")
    await node.shown.step()
    assert node.seen == {file: device for file, device in ALL.items() if file != "/proc/uptime"}


async def test_a_container_that_cannot_be_entered_is_tried_a_few_times_and_again_when_it_is_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = ANode()
    node.lxcfs.refuses.add("c1")
    for _ in range(TRIES + 3):
        await node.shown.step()
    assert node.lxcfs.applied == TRIES
    assert [record.message for record in caplog.records] == ["a VPS does not see its own limits"]
    node.roster.put(a_container(started="t2"))
    await node.shown.step()
    assert node.lxcfs.applied == TRIES + 1
    node.lxcfs.refuses.clear()
    await node.shown.step()
    assert node.seen == ALL


async def test_what_somebody_inside_has_taken_off_stays_off() -> None:
    node = ANode()
    await node.shown.step()
    node.lxcfs.seen["c1"].clear()
    await node.shown.step()
    assert node.seen == {}


async def test_a_container_that_ended_is_not_entered() -> None:
    node = ANode()
    node.roster.put(dataclasses.replace(a_container(), state=ContainerState.EXITED, pid=None))
    await node.shown.step()
    assert node.lxcfs.applied == 0


async def test_a_vps_is_shown_its_own_as_soon_as_it_runs_and_again_after_a_restart(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.kill_agent()
        node.lxcfs = FakeLxcfs()
        await node.start_agent()
        await node.place(a_manifest())
        await node.until(phase="running")
        container = node.container().id
        await asyncio.sleep(0.5)
        assert node.lxcfs.seen == {container: ALL}
        node.lxcfs.seen.clear()  # its mounts end with it
        node.engine.end(container, exit_code=1)
        await asyncio.sleep(15)
        await node.until(phase="running")
        assert node.lxcfs.seen == {container: ALL}
        assert node.engine.calls["create"] == 1
