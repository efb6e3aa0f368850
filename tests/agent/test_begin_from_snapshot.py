"""A new VPS begins from a Snapshot: a fork with an identity of its own, or one that waits for its files."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import image_name
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.filling import Filler
from kohakuriver.agent.images import whose
from kohakuriver.agent.login import ssh
from kohakuriver.agent.runtime.base import File
from kohakuriver.agent.runtime.errors import EngineRefused, ImageOfAnother
from kohakuriver.agent.snapshots.files import Files
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, Node, a_manifest
from tests.agent.builders import a_vps
from tests.agent.dying import DyingRuntime
from tests.agent.snapshot_kit import (
    a_node_with_volumes,
    a_snapshot,
    gone,
    of_vps,
    say,
    snapshots,
    until_phase,
)

pytestmark = [
    pytest.mark.looptime,
    pytest.mark.skipif(os.geteuid() != 0, reason="archives are made by root"),
]

NOTE = File("/root/note", b"of that moment")
DATA = [{"name": "data", "target": "/data"}]
FROM = {"filesFrom": {"snapshot": "s1"}, "image": None, "volumes": DATA}
FOLDER = "/etc/kohakuriver"


def folder(node: Node, vps: str, name: str = "data") -> Path:
    at = Path(node.engine.folder) / f"kohakuriver_{node.cluster}_default_{vps}_{name}" / "_data"
    at.parent.mkdir(exist_ok=True)
    at.mkdir(exist_ok=True)
    return at


async def a_parent(node: Node, **spec: Any) -> Json:
    """A VPS with a Snapshot s1 of it."""
    await node.place(a_manifest(**{"volumes": DATA, "image": "kohakuriver/debian-ssh", "ssh": {}, **spec}))
    vps = await node.until(state="running")
    node.engine.put_files(node.container().id, (NOTE, File(f"{FOLDER}/hidden", b"of the parent")))
    (folder(node, "dev") / "note").write_bytes(NOTE.content)
    await a_snapshot(node)
    return vps


async def begun(node: Node, name: str = "fork", **spec: Any) -> Json:
    await node.place(a_manifest(name, **{**FROM, "ssh": {}, **spec}))
    vps = await node.until(name, state="running")
    for _ in range(600):
        entry = node.agent.roster.entry(vps["metadata"]["uid"])  # type: ignore[union-attr]
        if entry is not None and entry.memory.durable.filling is None:
            return vps
        await asyncio.sleep(0.05)
    raise AssertionError("what its volumes held before was never settled")


async def test_a_fork_has_the_files_and_volumes_and_a_host_key_of_its_own(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        parent = await a_parent(node)
        fork = await begun(node)
        record = node.engine.find((await of_vps(node, fork["metadata"]["uid"])).id)
        assert record.files[NOTE.path] == NOTE
        at = folder(node, "fork")
        assert (at / "note").read_bytes() == NOTE.content and [one.name for one in at.parent.iterdir()] == [
            "_data"
        ]
        keys = [one["status"]["observed"]["ssh"]["hostKey"] for one in (parent, fork)]
        assert keys[0] != keys[1]
        theirs = node.engine.find((await of_vps(node, parent["metadata"]["uid"])).id)
        assert record.files[ssh.HOST_KEY].content != theirs.files[ssh.HOST_KEY].content
        assert record.seen.labels[labels.COMMIT] == "1"
        assert record.seen.labels[labels.SNAPSHOT] == "s1"
        assert theirs.seen.is_up
        (folder(node, "dev") / "note").write_bytes(b"written later")
        assert (at / "note").read_bytes() == NOTE.content


async def test_nothing_of_the_parents_login_is_left_where_nobody_is_to_log_in(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        parent = await a_parent(node)
        fork = await begun(node, ssh={"disabled": True})
        record = node.engine.find((await of_vps(node, fork["metadata"]["uid"])).id)
        theirs = node.engine.find((await of_vps(node, parent["metadata"]["uid"])).id)
        assert theirs.files[ssh.HOST_KEY].content
        assert [record.files[path].content for path in (ssh.HOST_KEY, ssh.AUTHORIZED_KEYS)] == [b"", b""]


async def test_its_disk_is_counted_with_the_layers_that_were_written_before_it(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        await node.change(env={"A": "1"}, restartRequest="r1")
        await node.until(restartRequest="r1")
        await node.until(state="running")
        await asyncio.sleep(3)
        await a_snapshot(node, "s2")
        fork = await begun(node, filesFrom={"snapshot": "s2"})
        found = await of_vps(node, fork["metadata"]["uid"])
        assert labels.commit_number(found) == 2
        assert (
            len([one for one in node.engine.folders(found.id, carried=2) if one.startswith("/layers/sha")])
            == 2
        )


async def test_a_volume_that_was_kept_with_files_is_left_alone_and_that_is_said(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        volumes = [*DATA, {"name": "more", "target": "/more"}]
        await node.place(a_manifest("fork", volumes=DATA))
        await node.until("fork", phase="running")
        (folder(node, "fork") / "note").write_bytes(b"kept")
        await node.delete("fork")
        await node.until_gone("fork")
        await begun(node, volumes=volumes)
        assert (folder(node, "fork") / "note").read_bytes() == b"kept"
        (event,) = await node.events("VolumesKept")
        assert event["message"] == (
            "volumes that hold files already, kept from an earlier VPS of this name, are left as they are: "
            "data; to replace what is in them by what Snapshot s1 has: kohakuriver vps restore fork s1"
        )
        await node.change("fork", replaceFiles=1)
        await node.until("fork", replaceFiles=1)
        await node.until("fork", state="running")
        assert (folder(node, "fork") / "note").read_bytes() == NOTE.content


async def test_volumes_that_it_does_not_declare_are_named(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        await begun(node, volumes=None)
        (event,) = await node.events("VolumesLeftOut")
        assert event["message"].endswith("so they are not brought back: data")


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        ("Failed", "SnapshotFailed"),
        ("Lost", "SnapshotFailed"),
        ("", "SnapshotMissing"),
    ],
)
async def test_it_waits_with_the_reason_until_there_are_files(
    tmp_path: Path, phase: str, reason: str
) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        snapshot = (await snapshots(node))["s1"]
        if phase:
            await say(node, snapshot, phase=phase)
        else:
            await gone(node)
        await asyncio.sleep(1)
        await node.place(a_manifest("fork", **FROM))
        vps = await node.until("fork", reason=reason)
        assert (
            "napshot" in vps["status"]["observed"]["message"] and "s1" in vps["status"]["observed"]["message"]
        )
        assert len(node.containers()) == 1
        if phase:
            await say(node, snapshot, phase="Ready")
        else:
            await a_snapshot(node)
        await node.until("fork", phase="running")
        assert (folder(node, "fork") / "note").read_bytes() == NOTE.content


async def test_it_waits_until_its_snapshot_is_taken(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        node.engine.switches.delays["commit"] = 30
        await node.api.create(kinds.SNAPSHOT, {"metadata": {"name": "s2"}, "spec": {"vps": {"name": "dev"}}})
        await until_phase(node, "s2", "Taking")
        await node.place(a_manifest("fork", **{**FROM, "filesFrom": {"snapshot": "s2"}}))
        await node.until("fork", reason="SnapshotNotReady")
        await node.until("fork", phase="running")
        assert (folder(node, "fork") / "note").read_bytes() == NOTE.content


async def test_one_whose_archive_is_damaged_says_so_and_makes_no_container(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        uid = (await snapshots(node))["s1"]["metadata"]["uid"]
        archive = Files(node.folder).archive(uid, "data", "/data")
        whole = archive.read_bytes()
        archive.write_bytes(whole.replace(NOTE.content, b"of another one"))
        await node.place(a_manifest("fork", **FROM))
        vps = await node.until("fork", reason="SnapshotUnusable")
        assert "its digest is another" in vps["status"]["observed"]["message"]
        assert len(node.containers()) == 1
        archive.write_bytes(whole)
        await node.until("fork", phase="running")
        assert (folder(node, "fork") / "note").read_bytes() == NOTE.content


async def test_another_snapshot_named_before_the_first_start_is_the_one(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        (folder(node, "dev") / "note").write_bytes(b"the second")
        await a_snapshot(node, "s2")
        node.engine.switches.refusals["start"] = EngineRefused("no such program")
        await node.place(a_manifest("fork", **FROM))
        await node.until("fork", reason="EngineRefused")
        await node.change("fork", filesFrom={"snapshot": "s2"})
        await asyncio.sleep(10)
        del node.engine.switches.refusals["start"]
        await node.until("fork", phase="running")
        assert (folder(node, "fork") / "note").read_bytes() == b"the second"
        assert await node.events("VolumesKept") == []


async def test_an_agent_killed_while_it_begins_goes_on(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        node.engine.switches.refusals["create"] = EngineRefused("no room")
        await node.place(a_manifest("fork", **FROM))
        await node.until("fork", reason="EngineRefused")
        await node.kill_agent()
        del node.engine.switches.refusals["create"]
        await node.start_agent()
        await node.until("fork", phase="running")
        assert (folder(node, "fork") / "note").read_bytes() == NOTE.content
        assert await node.events("VolumesKept") == []


@pytest.mark.parametrize("acts", [False, True], ids=["before the engine acts", "before it hears of it"])
async def test_killed_at_any_step_it_ends_with_the_files_of_the_snapshot(tmp_path: Path, acts: bool) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        for at in range(40):
            await node.kill_agent()
            node.runtime = dying = DyingRuntime(node.engine, at=at, acts=acts)
            await node.start_agent()
            await node.until(state="running")
            await asyncio.sleep(5)
            dying.is_armed = True
            made = await node.place(a_manifest("fork", **FROM))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(8):
                    await dying.died.wait()
            await node.kill_agent()
            node.runtime = None
            await node.start_agent()
            await node.until("fork", phase="running")
            where = f"killed at call {at}"
            assert (folder(node, "fork") / "note").read_bytes() == NOTE.content, where
            assert (await of_vps(node, made["metadata"]["uid"])).labels[labels.COMMIT] == "1", where
            assert len(node.containers()) == 2 and await node.events("VolumesKept") == [], where
            await node.delete("fork")
            await node.until_gone("fork")
            node.engine.remove_volume(folder(node, "fork").parent.name, cluster=node.cluster)
            if not dying.died.is_set():
                assert at > 5, "the steps were not reached"
                return
    raise AssertionError("it never ends")


async def test_a_disk_without_room_for_the_volumes_is_told_in_numbers(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        node.engine.switches.refusals["make_volume"] = EngineRefused("wait")
        await node.place(a_manifest("fork", **FROM))
        await node.until("fork", reason="EngineRefused")
        assert node.agent is not None
        (entry,) = (one for one in node.agent.roster if one.desired.name == "fork")
        filler = Filler(node.agent.context, free=lambda _: 32 << 20)
        del node.engine.switches.refusals["make_volume"]
        with pytest.raises(EngineRefused) as caught:
            await filler.fill(entry)
        assert caught.value.message == "its volumes take 10Ki more for a while, and 32Mi are free"
        await node.until("fork", phase="running")


async def test_a_snapshot_of_another_namespace_is_none(tmp_path: Path) -> None:
    async with a_node_with_volumes(tmp_path) as node:
        await a_parent(node)
        await asyncio.sleep(1)
        assert node.agent is not None
        desired = a_vps(namespace="team", snapshot="s1", image="")
        assert node.agent.surroundings.complete(desired).image == ""
        mine = node.agent.surroundings.complete(a_vps(snapshot="s1", image=""))
        uid = (await snapshots(node))["s1"]["metadata"]["uid"]
        assert mine.image == image_name.of_snapshot(uid) and mine.around.snapshot_uid == uid
        assert [(one.name, one.target) for one in mine.around.kept] == [("data", "/data")]


def test_the_image_of_a_snapshot_is_for_who_begins_from_that_alone() -> None:
    image = image_name.of_snapshot("2c7e6d1e-0000-4000-8000-000000000001")
    whose.check(image, a_vps(snapshot="s1", image=image))
    for other in (a_vps(image=image), a_vps(snapshot="s1", image=image_name.of_snapshot("another"))):
        with pytest.raises(ImageOfAnother) as caught:
            whose.check(image, other)
        assert "spec.filesFrom.snapshot" in caught.value.hint
