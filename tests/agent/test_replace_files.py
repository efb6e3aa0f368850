"""Whose word replaces the files of a VPS: its owner's alone, on a fake engine and the real API."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kohakuriver.agent.runtime.base import ContainerState, File
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, Node, a_manifest, a_node
from tests.agent.placement_kit import MERGE, condition, drain
from tests.fakes.switches import FakeImage, Pull

pytestmark = pytest.mark.looptime

NOTE = File("/root/note", b"written by its owner")
OLD, NEW = "kohakuriver/busybox", "kohakuriver/debian-ssh"


async def an_environment(node: Node, image: str = OLD) -> None:
    await node.api.create(kinds.ENVIRONMENT, {"metadata": {"name": "lab"}, "spec": {"image": image}})


async def point_it_at(node: Node, image: str) -> None:
    path = kinds.ENVIRONMENT.path(name="lab")
    reply = await node.api.call("PATCH", path, {"spec": {"image": image}}, headers=MERGE)
    assert reply.code == 200, reply.body


async def delete_it(node: Node) -> None:
    reply = await node.api.call("DELETE", kinds.ENVIRONMENT.path(name="lab"))
    assert reply.code == 200, reply.body


async def lived_in(node: Node, **spec: object) -> Json:
    """A VPS made from the Environment, in which its owner has written something."""
    wanted = {"image": None, "environment": "lab", **spec}
    await node.place(a_manifest(**wanted))
    vps = await node.until(phase="running")
    node.engine.put_files(node.container().id, (NOTE,))
    return vps


def note(node: Node) -> File | None:
    (record,) = node.engine.records()
    return record.files.get(NOTE.path)


async def until(node: Node, containers: int) -> None:
    """There are so many: a re-creation makes a second one, and puts the first away in the end."""
    for _ in range(2400):
        if len(node.containers()) == containers:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"there never were {containers} containers")


async def until_one(node: Node) -> None:
    await until(node, 1)


async def drained_and_uncordoned(node: Node) -> None:
    await drain(node, True)
    await node.until(state="stopped", reason="NodeDrained")
    await node.act("release")
    await drain(node, None)
    await node.act("regrant")


async def stopped_and_started(node: Node) -> None:
    await node.change(runState="Stopped")
    await node.until(phase="stopped")
    await node.act("release")
    await node.change(runState="Running")
    await node.act("regrant")


async def restarted(node: Node) -> None:
    await node.change(restartRequest="r1")
    await node.until(restartRequest="r1")


async def engine_crashed(node: Node) -> None:
    node.engine.restart()


async def left_behind_by_the_engine(node: Node) -> None:
    """The engine will not start it again as it is."""
    id_ = node.container().id
    node.engine.switches.left_behind[id_] = 0
    node.engine.end(id_, exit_code=137)


Event = Callable[[Node], Awaitable[None]]


@pytest.mark.fault(59)
@pytest.mark.parametrize(
    "event",
    [
        drained_and_uncordoned,
        stopped_and_started,
        restarted,
        engine_crashed,
        left_behind_by_the_engine,
    ],
)
@pytest.mark.parametrize("change", ["edited", "deleted", "made again"])
async def test_files_outlive_what_becomes_of_the_environment(
    tmp_path: Path, event: Event, change: str
) -> None:
    async with a_node(tmp_path) as node:
        await an_environment(node)
        before = await lived_in(node)
        if change == "edited":
            await point_it_at(node, NEW)
        else:
            await delete_it(node)
        if change == "made again":
            await an_environment(node, NEW)
        await asyncio.sleep(1)
        await event(node)
        await asyncio.sleep(10)
        after = await node.until(phase="running")
        await until_one(node)
        assert note(node) == NOTE
        assert await node.events("FilesystemReplaced") == []
        image = after["status"]["observed"]["container"]["image"]
        assert image == before["status"]["observed"]["container"]["image"] == OLD


@pytest.mark.fault(59)
async def test_a_changed_environment_is_told_with_what_keeps_and_what_replaces(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await an_environment(node)
        await lived_in(node)
        await point_it_at(node, NEW)
        await asyncio.sleep(1)
        said = condition(await node.get(), "RestartRequired")
        assert (said["status"], said["reason"]) == ("True", "ImageChanged")
        assert said["message"] == (
            f"the Environment lab stands for {NEW} now; its files began from {OLD}, and a restart keeps both"
            "; kohakuriver vps restart dev --replace-files begins from the new one: what was written in its "
            "container is gone then, but for volumes and mounts"
        )
        await point_it_at(node, OLD)
        await asyncio.sleep(1)
        assert condition(await node.get(), "RestartRequired")["status"] == "False"


async def test_an_image_of_the_spec_waits_for_the_word_while_other_changes_come_with_a_restart(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await lived_in(node, image=OLD, environment=None)
        await node.change(image=NEW, env={"A": "1"})
        await asyncio.sleep(1)
        said = condition(await node.get(), "RestartRequired")
        assert said["reason"] == "SpecChanged"
        assert "at the next restart; its files are kept" in said["message"]
        assert f"Its image was changed to {NEW}" in said["message"]
        await restarted(node)
        vps = await node.until(phase="running")
        await until_one(node)
        assert note(node) == NOTE and node.engine.records()[0].spec.env == {"A": "1"}
        assert vps["status"]["observed"]["container"]["image"] == OLD
        await asyncio.sleep(3)
        said = condition(await node.get(), "RestartRequired")
        assert (said["status"], said["reason"]) == ("True", "ImageChanged")


@pytest.mark.fault(59)
async def test_the_owners_word_replaces_the_files_once_and_never_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await an_environment(node)
        await lived_in(node)
        await point_it_at(node, NEW)
        await node.change(restartRequest="r1", replaceFiles=1)
        await node.until(restartRequest="r1", replaceFiles=1)
        await node.until(phase="running")
        await until_one(node)
        assert note(node) is None and node.container().image == NEW
        (event,) = await node.events("FilesystemReplaced")
        assert event["type"] == "Warning" and OLD in event["message"]
        assert condition(await node.get(), "RestartRequired")["status"] == "False"
        node.engine.put_files(node.container().id, (NOTE,))
        await point_it_at(node, OLD)
        await node.change(env={"A": "1"}, restartRequest="r2")
        await node.until(restartRequest="r2")
        await node.until(phase="running")
        await until_one(node)
        assert note(node) == NOTE and (await node.get())["status"]["observed"]["replaceFiles"] == 1
        await node.kill_agent()
        await node.start_agent()
        await drained_and_uncordoned(node)
        await node.until(phase="running")
        assert note(node) == NOTE
        assert len(await node.events("FilesystemReplaced")) == 1


async def test_the_word_alone_is_enough_and_a_smaller_one_is_none(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        first = await lived_in(node, image=OLD, environment=None, replaceFiles=3)
        await node.change(replaceFiles=2)
        await asyncio.sleep(30)
        assert node.container().id == first["status"]["observed"]["container"]["id"] and note(node) == NOTE
        await node.change(replaceFiles=4)
        await node.until(replaceFiles=4)
        await node.until(phase="running")
        await until_one(node)
        assert note(node) is None and node.container().image == OLD


async def test_a_word_given_to_a_stopped_vps_is_said_and_acted_on_when_it_starts(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await lived_in(node, image=OLD, environment=None)
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        await node.act("release")
        await node.change(image=NEW, replaceFiles=1)
        await asyncio.sleep(2)
        said = condition(await node.get(), "RestartRequired")
        assert said["reason"] == "ReplacesFiles" and "at the next start" in said["message"]
        assert note(node) == NOTE
        await node.change(runState="Running")
        await node.act("regrant")
        await node.until(phase="running")
        await until_one(node)
        assert note(node) is None and node.container().image == NEW


async def test_one_that_its_policy_left_ended_is_begun_anew_by_the_word(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await lived_in(node, image=OLD, environment=None, restartPolicy="Never")
        node.engine.end(node.container().id, exit_code=0)
        await node.until(state="stopped", reason="Completed")
        await node.change(replaceFiles=1)
        await node.until(phase="running")
        await until_one(node)
        assert note(node) is None


@pytest.mark.fault(59)
async def test_a_word_for_an_environment_that_is_not_there_is_passed_over_for_good(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await an_environment(node)
        await lived_in(node)
        await delete_it(node)
        await asyncio.sleep(1)
        await node.change(restartRequest="r1", replaceFiles=1)
        await node.until(restartRequest="r1", replaceFiles=1)
        await node.until(phase="running")
        said = condition(await node.get(), "RestartRequired")
        assert said["reason"] == "FilesKept" and 'there is no Environment "lab"' in said["message"]
        assert "kohakuriver vps restart dev --replace-files" in said["message"]
        await node.kill_agent()
        await an_environment(node, NEW)
        await node.start_agent()
        await restarted(node)
        await asyncio.sleep(30)
        assert note(node) == NOTE
        await node.change(replaceFiles=2)
        await node.until(replaceFiles=2)
        await node.until(phase="running")
        await until_one(node)
        assert note(node) is None and node.container().image == NEW


async def test_a_word_taken_back_before_the_new_container_has_run_costs_no_file(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await lived_in(node, image=OLD, environment=None)
        node.engine.switches.refusals["start"] = EngineRefused("no such program")
        await node.change(image=NEW, replaceFiles=1)
        await until(node, 2)
        await node.change(image=OLD, replaceFiles=0)
        await asyncio.sleep(70)
        del node.engine.switches.refusals["start"]
        await node.until(phase="running")
        await until_one(node)
        assert note(node) == NOTE


async def test_a_container_removed_by_hand_is_made_from_what_is_declared_and_the_difference_is_told(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await an_environment(node)
        await lived_in(node)
        await point_it_at(node, NEW)
        await asyncio.sleep(1)
        node.engine.remove(node.container().id, force=True)
        await asyncio.sleep(5)
        await node.until(phase="running")
        assert node.container().image == NEW
        (event,) = await node.events("FilesystemLost")
        assert f"created again from image {NEW}" in event["message"]
        assert f"the one before it was made from {OLD}" in event["message"]


async def test_a_container_of_the_version_before_keeps_its_files_and_its_image(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await an_environment(node)
        await lived_in(node)
        (record,) = node.engine.records()
        assert "kohakuriver.io/replace-files" not in record.seen.labels
        await point_it_at(node, NEW)
        await node.kill_agent()
        await node.start_agent()
        await stopped_and_started(node)
        await node.until(phase="running")
        assert note(node) == NOTE and node.container().state is ContainerState.RUNNING


async def test_an_image_that_must_be_fetched_is_fetched_while_the_files_are_still_there(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        node.engine.registry["other:1"] = Pull(FakeImage("sha256:other"), seconds=1, error="no such thing")
        await lived_in(node, image=OLD, environment=None)
        await node.change(image="other:1", replaceFiles=1)
        await node.until(reason="ImagePullFailed")
        assert note(node) == NOTE
        await node.change(replaceFiles=0)
        await node.until(phase="running")
        assert note(node) == NOTE
