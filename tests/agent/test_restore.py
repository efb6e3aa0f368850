"""A VPS begins from a Snapshot, or gets its files back from one; its agent is killed at every step."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from kohakuriver.agent.runtime.base import Container, File
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.snapshots.files import Files
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, Node, a_manifest
from tests.agent.dying import DyingRuntime
from tests.agent.placement_kit import condition
from tests.agent.snapshot_kit import (
    a_node_with_volumes,
    a_snapshot,
    gone,
    say,
    snapshots,
    until_phase,
)
from tests.fakes.switches import FakeImage

pytestmark = [
    pytest.mark.looptime,
    pytest.mark.skipif(os.geteuid() != 0, reason="archives are made by root"),
]

NOTE, LATER = File("/root/note", b"of that moment"), File("/root/note", b"written later")
DATA = [{"name": "data", "target": "/data"}]
FROM = {"filesFrom": {"snapshot": "s1"}}
KEEP = {"keepReplacedFiles": "7d", **FROM}
SETTING_ASIDE = {"message": "what is in it is set aside first, as a Snapshot"}


def folder(node: Node, name: str = "data", vps: str = "dev") -> Path:
    """Where the files of a volume are."""
    return Path(node.engine.folder) / f"kohakuriver_{node.cluster}_default_{vps}_{name}" / "_data"


def container(node: Node, vps: str = "dev") -> Container:
    """That of a VPS: the one that runs, where there are two."""
    found = [one for one in node.containers() if one.labels["kohakuriver.io/name"] == vps]
    return next((one for one in found if one.is_up), found[-1])


def write(node: Node, note: File, vps: str = "dev", name: str = "data") -> None:
    """The same in the container and in its volume."""
    node.engine.put_files(container(node, vps).id, (note,))
    at = folder(node, name, vps)
    at.mkdir(parents=True, exist_ok=True)
    (at / "note").write_bytes(note.content)


def held(node: Node, vps: str = "dev", name: str = "data") -> tuple[bytes | None, bytes | None]:
    """What is in the container, and in its volume."""
    record = node.engine.find(container(node, vps).id)
    file = folder(node, name, vps) / "note"
    note = record.files.get(NOTE.path)
    return note.content if note else None, file.read_bytes() if file.exists() else None


def beside(node: Node, name: str = "data", vps: str = "dev") -> list[str]:
    """What stands beside the folder of a volume."""
    return sorted(one.name for one in folder(node, name, vps).parent.iterdir() if one.name != "_data")


async def lived_in(node: Node, **spec: Any) -> Json:
    """A VPS with a Snapshot s1 of it, in which something was written since."""
    await node.place(a_manifest(**{"volumes": DATA, **spec}))
    await node.until(phase="running")
    write(node, NOTE)
    await a_snapshot(node)
    write(node, LATER)
    return await node.get()


async def restored(node: Node, word: int = 1) -> Json:
    await node.until(replaceFiles=word)
    vps = await node.until(phase="running")
    await at_rest(node)
    return vps


async def at_rest(node: Node) -> None:
    """One container is left, and nothing beside its volumes."""
    for _ in range(1200):
        entry = next(iter(node.agent.roster), None)  # type: ignore[union-attr]
        durable = entry.memory.durable if entry is not None else None
        if durable is not None and durable.filling is None and len(node.containers()) == 1:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never came to rest: {durable}, {node.containers()}")


async def test_a_vps_gets_its_files_and_volumes_back(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        before = await lived_in(node)
        await node.change(**FROM, replaceFiles=1)
        after = await restored(node)
        assert held(node) == (NOTE.content, NOTE.content) and beside(node) == []
        assert (
            after["status"]["observed"]["container"]["id"] != before["status"]["observed"]["container"]["id"]
        )
        (event,) = await node.events("FilesystemReplaced")
        assert 'from Snapshot "s1", and so are its volumes (data)' in event["message"]
        assert condition(await node.get(), "RestartRequired")["status"] == "False"
        write(node, LATER)
        await node.change(restartRequest="r1", env={"A": "1"})
        await node.until(restartRequest="r1")
        await node.until(phase="running")
        await at_rest(node)
        assert held(node) == (LATER.content, LATER.content)
        assert len(await node.events("FilesystemReplaced")) == 1


@pytest.mark.parametrize("acts", [False, True], ids=["before the engine acts", "before it hears of it"])
@pytest.mark.parametrize("keeps", [False, True], ids=["given up", "set aside"])
async def test_killed_at_any_step_a_restore_ends_with_one_container_and_nothing_lost(
    tmp_path: Path, acts: bool, keeps: bool
) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        for at in range(80):
            if not await _killed_at(at, node, acts=acts, keeps=keeps):
                assert at > 12, "the steps were not reached"
                return
    raise AssertionError("it never ends")


async def _killed_at(at: int, node: Node, *, acts: bool, keeps: bool) -> bool:
    """Whether the agent was killed; it is not where the restore takes fewer calls. The node is left empty."""
    await node.kill_agent()
    node.runtime = dying = DyingRuntime(node.engine, at=at, acts=acts)
    await node.start_agent()
    await lived_in(node)
    (old,) = node.containers()
    await asyncio.sleep(1)
    dying.is_armed = True
    await node.change(**(KEEP if keeps else FROM), replaceFiles=1)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(8):
            await dying.died.wait()
    dying.is_armed = dying.died.is_set()
    await node.kill_agent()
    has_run = any(one.id != old.id and one.started_at for one in node.containers())
    where = f"killed at call {at}"
    if not has_run:
        volumes = folder(node).parent
        assert LATER.content in {file.read_bytes() for file in volumes.glob("_data*/note")}, where
        assert node.engine.find(old.id).files[NOTE.path] == LATER, where
    node.runtime = None
    await node.start_agent()
    await restored(node)
    assert held(node) == (NOTE.content, NOTE.content) and beside(node) == [], where
    assert await node.events("FilesystemReplaced") or at > 12, where
    assert not await node.events("FilesystemLost") and not await node.events("RestoreFailed"), where
    kept = {name: one for name, one in (await snapshots(node)).items() if name != "s1"}
    assert len(kept) == keeps, where
    for name, one in kept.items():
        assert node.engine.images[one["status"]["image"]].files[NOTE.path] == LATER, where
        await gone(node, name)
    await gone(node)
    await node.delete()
    await node.until_gone()
    node.engine.remove_volume(folder(node).parent.name, cluster=node.cluster)
    assert node.containers() == [], where
    return dying.died.is_set()


async def test_a_word_taken_back_before_the_new_container_has_run_gives_the_volumes_back(
    tmp_path: Path,
) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        node.engine.switches.refusals["start"] = EngineRefused("no such program")
        await node.change(**FROM, replaceFiles=1)
        for _ in range(600):
            if len(node.containers()) == 2:
                break
            await asyncio.sleep(0.05)
        assert (folder(node) / "note").read_bytes() == NOTE.content
        await node.change(filesFrom=None, replaceFiles=0)
        await asyncio.sleep(70)
        del node.engine.switches.refusals["start"]
        await node.until(phase="running")
        await at_rest(node)
        assert held(node) == (LATER.content, LATER.content) and beside(node) == []


@pytest.mark.parametrize("wrong", ["damaged", "removed", "image removed"])
async def test_a_snapshot_that_is_not_what_was_taken_costs_no_file(tmp_path: Path, wrong: str) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        before = await lived_in(node)
        snapshot = (await snapshots(node))["s1"]
        archive = Files(node.folder).archive(snapshot["metadata"]["uid"], "data", "/data")
        if wrong == "damaged":
            archive.write_bytes(archive.read_bytes().replace(NOTE.content, b"of another one"))
        elif wrong == "removed":
            archive.unlink()
        else:
            node.engine.remove_image(snapshot["status"]["image"])
        await node.change(**FROM, replaceFiles=1)
        vps = await restored(node)
        assert held(node) == (LATER.content, LATER.content) and beside(node) == []
        assert vps["status"]["observed"]["container"]["id"] == before["status"]["observed"]["container"]["id"]
        said = condition(await node.get(), "RestartRequired")
        assert said["reason"] == "FilesKept" and "kohakuriver vps restore dev s1" in said["message"]
        (event,) = await node.events("RestoreFailed")
        assert event["message"].startswith('its files were not replaced by those of Snapshot "s1": ')
        words = {
            "damaged": "its digest is another",
            "removed": "No such file",
            "image removed": "is gone from n1",
        }
        assert words[wrong] in event["message"] and words[wrong] in said["message"]
        await node.kill_agent()
        await node.start_agent()
        await asyncio.sleep(30)
        assert held(node) == (LATER.content, LATER.content)
        assert len(await node.events("RestoreFailed")) == 1


@pytest.mark.parametrize("phase", ["none", "Taking", "Failed", "Lost"])
async def test_a_word_for_a_snapshot_that_is_not_there_is_passed_over(tmp_path: Path, phase: str) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        name = "s2" if phase == "Taking" else "s1"
        if phase == "none":
            await gone(node)
        elif phase == "Taking":
            node.engine.switches.delays["commit"] = 1000
            await node.api.create(
                kinds.SNAPSHOT, {"metadata": {"name": name}, "spec": {"vps": {"name": "dev"}, "pause": False}}
            )
            await until_phase(node, name, phase)
        else:
            await say(node, (await snapshots(node))["s1"], phase=phase, message="of the disk")
        await asyncio.sleep(1)
        await node.change(filesFrom={"snapshot": name}, replaceFiles=1)
        await restored(node)
        assert held(node) == (LATER.content, LATER.content)
        words = {
            "none": 'there is no Snapshot "s1"',
            "Taking": "Snapshot s2 is still being taken",
            "Failed": "Snapshot s1 failed: of the disk",
            "Lost": "the files of Snapshot s1 are lost: of the disk",
        }
        said = condition(await node.get(), "RestartRequired")
        assert said["reason"] == "FilesKept" and words[phase] in said["message"]
        (event,) = await node.events("RestoreFailed")
        assert words[phase] in event["message"]


async def test_a_snapshot_that_is_deleted_while_its_container_does_not_start_leaves_the_old_one(
    tmp_path: Path,
) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        node.engine.switches.refusals["create"] = EngineRefused("no room")
        await node.change(**FROM, replaceFiles=1)
        await node.until(reason="EngineRefused")
        await gone(node)
        await asyncio.sleep(1)
        del node.engine.switches.refusals["create"]
        await restored(node)
        assert held(node) == (LATER.content, LATER.content) and beside(node) == []
        assert len(await node.events("RestoreFailed")) == 1


async def test_what_is_given_up_is_set_aside_first_so_that_an_undo_can_be_undone(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        before = await lived_in(node)
        node.engine.switches.delays["commit"] = 40
        await node.change(**KEEP, replaceFiles=1)
        vps = await node.until(**SETTING_ASIDE)
        made = (await snapshots(node))["dev-before-1"]
        assert made["spec"] == {
            "vps": {"name": "dev", "uid": vps["metadata"]["uid"], "node": "n1"},
            "volumes": "Include",
            "pause": True,
            "keepFor": "7d",
            "cause": "Replaced",
        }
        await asyncio.sleep(30)
        assert [one.id for one in node.containers()] == [before["status"]["observed"]["container"]["id"]]
        assert held(node) == (LATER.content, LATER.content)
        await restored(node)
        assert held(node) == (NOTE.content, NOTE.content)
        (event,) = await node.events("FilesystemReplaced")
        assert event["message"].endswith('is kept as Snapshot "dev-before-1"')
        await node.change(filesFrom={"snapshot": "dev-before-1"}, replaceFiles=2)
        await restored(node, word=2)
        assert held(node) == (LATER.content, LATER.content) and beside(node) == []
        assert sorted(await snapshots(node)) == ["dev-before-1", "dev-before-2", "s1"]


async def test_files_that_an_image_takes_the_place_of_are_set_aside_too(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        await node.change(keepReplacedFiles="1h", replaceFiles=1)
        await restored(node)
        assert held(node) == (None, LATER.content)
        image = (await snapshots(node))["dev-before-1"]["status"]["image"]
        assert node.engine.images[image].files[NOTE.path] == LATER


async def test_where_files_cannot_be_set_aside_none_is_given_up(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        before = await lived_in(node)
        node.engine.switches.refusals["commit"] = EngineRefused("no room: 2Gi of 3Gi")
        await node.change(**KEEP, replaceFiles=1)
        vps = await restored(node)
        assert vps["status"]["observed"]["container"]["id"] == before["status"]["observed"]["container"]["id"]
        assert held(node) == (LATER.content, LATER.content)
        (event,) = await node.events("RestoreFailed")
        assert (
            "could not be set aside first, as Snapshot dev-before-1: no room: 2Gi of 3Gi" in event["message"]
        )


async def test_a_word_taken_back_while_files_are_set_aside_starts_it_at_once(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        node.engine.switches.delays["commit"] = 40
        await node.change(**KEEP, replaceFiles=1)
        await node.until(**SETTING_ASIDE)
        await node.change(replaceFiles=0, filesFrom=None)
        await node.until(phase="running")
        assert held(node) == (LATER.content, LATER.content)
        await until_phase(node, "dev-before-1", "Failed")
        write(node, newer := File(NOTE.path, b"newer"))
        node.engine.switches.delays["commit"] = 1
        await asyncio.sleep(45)
        await node.change(restartRequest="r1", **KEEP, replaceFiles=1)
        await restored(node)
        (other,) = set(await snapshots(node)) - {"s1", "dev-before-1"}
        assert other.startswith("dev-before-1-")
        image = (await snapshots(node))[other]["status"]["image"]
        assert node.engine.images[image].files[NOTE.path] == newer
        (event,) = await node.events("FilesystemReplaced")
        assert event["message"].endswith(f'is kept as Snapshot "{other}"')


async def test_an_agent_killed_while_files_are_set_aside_makes_no_second_snapshot(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        node.engine.switches.delays["commit"] = 10
        await node.change(**KEEP, replaceFiles=1)
        await node.until(**SETTING_ASIDE)
        await node.kill_agent()
        await node.start_agent()
        await restored(node)
        assert sorted(await snapshots(node)) == ["dev-before-1", "s1"]
        assert held(node) == (NOTE.content, NOTE.content)


async def test_volumes_that_the_image_declares_come_back_and_those_that_it_lacks_stay(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        node.engine.images["kohakuriver/busybox"] = FakeImage("sha256:busybox", volumes=("/cache",))
        await node.place(a_manifest())
        await node.until(phase="running")
        ((first, _),) = node.container().anonymous
        at = Path(str(node.engine.volume_folder(first)))
        (at / "note").write_bytes(NOTE.content)
        await a_snapshot(node)
        await a_snapshot(node, "s2", volumes="Skip")
        (at / "note").write_bytes(LATER.content)
        await node.change(**FROM, replaceFiles=1)
        await restored(node)
        ((second, target),) = node.container().anonymous
        now = Path(str(node.engine.volume_folder(second)))
        assert target == "/cache" and second != first and first not in node.engine.volumes
        assert (now / "note").read_bytes() == NOTE.content and [one.name for one in now.parent.iterdir()] == [
            "_data"
        ]
        (now / "note").write_bytes(LATER.content)
        await node.change(filesFrom={"snapshot": "s2"}, replaceFiles=2)
        await restored(node, word=2)
        assert node.container().anonymous == ((second, "/cache"),)
        assert (now / "note").read_bytes() == LATER.content
        await node.delete()
        await node.until_gone()
        assert second not in node.engine.volumes


async def test_volumes_that_went_with_a_container_that_never_ran_are_brought_back_again(
    tmp_path: Path,
) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        node.engine.images["kohakuriver/busybox"] = FakeImage("sha256:busybox", volumes=("/cache",))
        await node.place(a_manifest(volumes=DATA))
        await node.until(phase="running")
        ((first, _),) = node.container().anonymous
        at = Path(str(node.engine.volume_folder(first)))
        (at / "note").write_bytes(NOTE.content)
        write(node, NOTE)
        await a_snapshot(node)
        (at / "note").write_bytes(LATER.content)
        write(node, LATER)
        node.engine.switches.refusals["start"] = EngineRefused("no such program")
        await node.change(**FROM, replaceFiles=1)
        await node.until(reason="EngineRefused")
        await node.change(env={"A": "1"})  # what never ran is made otherwise
        await asyncio.sleep(70)
        del node.engine.switches.refusals["start"]
        await restored(node)
        ((second, _),) = node.container().anonymous
        now = Path(str(node.engine.volume_folder(second)))
        assert second != first and (now / "note").exists(), "it holds what the image has"
        assert (now / "note").read_bytes() == NOTE.content
        assert held(node) == (NOTE.content, NOTE.content) and beside(node) == []


async def test_one_that_is_deleted_in_the_middle_leaves_what_its_volumes_held(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        node.engine.switches.refusals["create"] = EngineRefused("no room")
        await node.change(**FROM, replaceFiles=1)
        await node.until(reason="EngineRefused")
        assert (folder(node) / "note").read_bytes() == NOTE.content
        await node.delete()
        await node.until_gone()
        assert (folder(node) / "note").read_bytes() == LATER.content and beside(node) == []
        assert node.containers() == []


async def test_a_snapshot_has_nothing_of_a_restore_that_is_half_done(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        node.engine.switches.refusals["create"] = EngineRefused("no room")
        await node.change(**FROM, replaceFiles=1)
        await node.until(reason="EngineRefused")
        assert (folder(node) / "note").read_bytes() == NOTE.content
        wanted = {"metadata": {"name": "s2", "namespace": "default"}, "spec": {"vps": {"name": "dev"}}}
        await node.api.create(kinds.SNAPSHOT, wanted)
        await asyncio.sleep(10)
        assert "status" not in (await snapshots(node))["s2"]  # the container has other files than its volume
        del node.engine.switches.refusals["create"]
        await restored(node)
        taken = await until_phase(node, "s2", "Ready")
        assert node.engine.images[taken["status"]["image"]].files[NOTE.path] == NOTE


async def test_what_became_of_the_snapshot_is_no_matter_to_what_began_from_it(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        await node.change(**FROM, replaceFiles=1)
        await restored(node)
        write(node, LATER)
        await gone(node)
        await node.kill_agent()
        await node.start_agent()
        await node.change(env={"A": "1"}, restartRequest="r1")
        await node.until(restartRequest="r1")
        await node.until(phase="running")
        await at_rest(node)
        assert held(node) == (LATER.content, LATER.content)
        assert condition(await node.get(), "RestartRequired")["status"] == "False"
        await a_snapshot(node)
        await asyncio.sleep(2)
        said = condition(await node.get(), "RestartRequired")
        assert said["reason"] == "ImageChanged" and said["message"].startswith(
            'it names Snapshot "s1" in spec.filesFrom now; its files began from Snapshot "s1", and a restart'
        )


async def test_a_restored_vps_is_steady(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await lived_in(node)
        await node.change(**FROM, replaceFiles=1)
        await restored(node)
        await asyncio.sleep(5)
        before = await node.get()
        await asyncio.sleep(60)
        assert (await node.get())["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
