"""Snapshots taken by an agent on an engine in memory, told to the real API server."""

import asyncio
import contextlib
import dataclasses
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import image_name
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.room.gauge import Amount
from kohakuriver.agent.runtime.base import COMMIT_CLUSTER_LABEL, ContainerState, File
from kohakuriver.agent.runtime.errors import EngineRefused, WrongState
from kohakuriver.agent.snapshots.hooks import Outcome
from kohakuriver.agent.snapshots.losses import Lost
from kohakuriver.resources import kinds
from tests.agent.agent_kit import CLUSTER, PATIENCE, Node, a_manifest, a_node
from tests.apiserver.api import Looks, running_api
from tests.fakes.engine import FakeEngine
from tests.fakes.snapshots import FakeGuard, FakeHooks, FakeLosses
from tests.system.simulation.link import Link

pytestmark = [
    pytest.mark.looptime,
    pytest.mark.skipif(os.geteuid() != 0, reason="archives are made by root"),
]

Json = dict[str, Any]
GI = 1 << 30
VOLUMES = [{"name": "data", "target": "/data"}]


@contextlib.asynccontextmanager
async def a_node_with(tmp_path: Path, *vpses: str, **spec: Any) -> AsyncIterator[Node]:
    """One on which these VPSes run."""
    (tmp_path / "volumes").mkdir()
    async with a_node(tmp_path / "agent") as node:
        node.engine.folder = str(tmp_path / "volumes")
        for name in vpses or ("dev",):
            await node.place(a_manifest(name, **spec))
        for name in vpses or ("dev",):
            vps = await node.until(name, phase="running")
            for volume in spec.get("volumes") or ():
                folder = (
                    tmp_path
                    / "volumes"
                    / labels.volume_name(("default", name), volume["name"], cluster=CLUSTER)
                    / "_data"
                )
                folder.mkdir(parents=True)
                (folder / "file").write_text(f"of {name}")
                node.gauge.folders[str(folder)] = Amount(size=4096, files=2)
            assert vps["status"]["assignment"]["node"] == "n1"
        yield node


async def ask(node: Node, name: str = "s1", *, of: str = "dev", **spec: Any) -> Json:
    body = {"metadata": {"name": name, "namespace": "default"}, "spec": {"vps": {"name": of}, **spec}}
    return dict(await node.api.create(kinds.SNAPSHOT, body))


async def find(node: Node, name: str = "s1") -> Json | None:
    reply = await node.api.get(kinds.SNAPSHOT.path(namespace="default", name=name))
    return dict(reply.body) if reply.code == 200 else None


async def until(node: Node, *phases: str, name: str = "s1") -> Json:
    looks, found = Looks(node.api.store), None
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await find(node, name)
                if found is not None and (found.get("status") or {}).get("phase") in phases:
                    return found
                await looks.next()
    except TimeoutError:
        raise AssertionError(f"{name} never became {phases}: {found}") from None


async def until_gone(node: Node, name: str = "s1") -> None:
    looks = Looks(node.api.store)
    async with asyncio.timeout(PATIENCE):
        while await find(node, name) is not None:
            await looks.next()


async def delete(node: Node, name: str = "s1") -> None:
    reply = await node.api.call("DELETE", kinds.SNAPSHOT.path(namespace="default", name=name))
    assert reply.code in (200, 202), reply.body


async def told(node: Node, reason: str) -> list[str]:
    return [event["message"] for event in await node.events(reason)]


async def after_a_look(node: Node) -> None:
    """The agent has looked at everything that it keeps."""
    assert node.agent is not None
    node.agent.shelf.look(at_all=True)
    await asyncio.sleep(6)


async def until_asked(node: Node, call: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not node.engine.calls[call]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def images(node: Node) -> list[str]:
    return sorted(name for name in node.engine.images if name.startswith(image_name.SNAPSHOTS))


def kept(node: Node) -> list[str]:
    root = node.folder / "snapshots"
    return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())


def state(node: Node) -> ContainerState:
    return node.container().state


async def test_a_running_vps_is_frozen_taken_and_thawed_and_says_nothing_of_a_pause(tmp_path: Path) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        node.engine.put_files(node.container().id, (File("/root/notes", b"kept"),))
        node.engine.switches.delays["commit"] = 0.8
        made = await ask(node)
        uid = made["metadata"]["uid"]
        held = await node.until("dev", reason="SnapshotBeingTaken")
        assert held["status"]["phase"] == "running"
        assert state(node) is ContainerState.PAUSED
        status = (await until(node, "Ready"))["status"]
        await node.until("dev", phase="running", reason=None)
        assert state(node) is ContainerState.RUNNING
        assert node.guard is not None and node.guard.waiting == []
        assert await told(node, "PausedOutside") == []
        assert status["pausedMilliseconds"] >= 800
        assert status["image"] == image_name.of_snapshot(uid)
        assert status["base"] == "kohakuriver/busybox"
        (volume,) = status["volumes"]
        assert (volume["name"], volume["target"]) == ("data", "/data")
        assert images(node) == [status["image"]]
        image = node.engine.images[status["image"]]
        assert image.files["/root/notes"].content == b"kept"
        assert dict(image.labels) == {
            COMMIT_CLUSTER_LABEL: CLUSTER,
            labels.SNAPSHOT_OF: made["spec"]["vps"]["uid"],
            labels.COMMIT: "1",
            labels.IMAGE: "kohakuriver/busybox",
        }
        assert kept(node) == [f"{uid}/volume-data.tar"]
        assert status["size"] == 4 + volume["size"]
        assert (await told(node, "SnapshotTaken"))[0].startswith("snapshot s1 was taken: ")


async def test_it_is_taken_once_and_nothing_is_written_afterwards(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        await ask(node)
        before = await until(node, "Ready")
        commits = node.engine.calls["commit"]
        await node.kill_agent()
        await node.start_agent()
        await after_a_look(node)
        assert await find(node) == before
        assert node.engine.calls["commit"] == commits


@pytest.mark.parametrize("declared", ["Stopped", "Paused"])
async def test_what_does_not_run_is_taken_as_it_is_and_stays_so(tmp_path: Path, declared: str) -> None:
    async with a_node_with(tmp_path) as node:
        await node.change(runState=declared)
        await node.until(phase=declared.lower())
        before = state(node)
        pauses = node.engine.calls["pause"]
        await ask(node)
        status = (await until(node, "Ready"))["status"]
        assert status["pausedMilliseconds"] == 0
        assert state(node) is before
        assert node.engine.calls["pause"] == pauses
        assert node.engine.calls["unpause"] == 0


@pytest.mark.parametrize("passes", [True, False])
async def test_a_pause_that_a_busy_kernel_did_not_come_to_is_tried_again(
    tmp_path: Path, *, passes: bool
) -> None:
    async with a_node_with(tmp_path) as node:
        refusals = node.engine.switches.refusals
        refusals["pause"] = WrongState("the container is running: unable to freeze")
        await ask(node)
        if passes:
            await until_asked(node, "pause")
            del refusals["pause"]
        found = await until(node, "Ready", "Failed")
        assert found["status"]["phase"] == ("Ready" if passes else "Failed")
        assert (node.engine.calls["pause"] == 5) is not passes
        assert node.container().state is ContainerState.RUNNING


async def test_one_that_is_not_to_be_paused_is_not(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        await ask(node, pause=False)
        assert (await until(node, "Ready"))["status"]["pausedMilliseconds"] == 0
        assert node.engine.calls["pause"] == 0


async def test_what_is_not_in_it_is_said(tmp_path: Path) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        made = await ask(node, volumes="Skip")
        status = (await until(node, "Ready"))["status"]
        assert status["message"] == "not in it: volumes data (/data)"
        assert "volumes" not in status or status["volumes"] == []
        assert kept(node) == []
        assert not (node.folder / "snapshots" / made["metadata"]["uid"] / "volume-data.tar").exists()


async def test_what_the_engine_s_image_does_not_hold_is_said(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        assert node.losses is not None
        sockets = tuple(f"/run/{at:02}" for at in range(20))
        node.losses.lost = Lost(sockets, sockets_in_all=31, attributes=2, first="/srv/file")
        await ask(node)
        status = (await until(node, "Ready"))["status"]
        assert status["leftOut"] == list(sockets)
        assert status["message"] == (
            "not in it: 31 sockets, of which 20 are named; extended attributes and ACLs, which an image of "
            "this engine does not hold, of 2 files, such as /srv/file"
        )


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"runState": "Stopped"}, "the VPS is declared Stopped"),
        ({"restartRequest": "again"}, "a restart was requested"),
        ({"replaceFiles": 1}, "its owner has given its files up"),
    ],
)
async def test_what_ends_its_run_is_not_kept_waiting(tmp_path: Path, spec: Json, why: str) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        node.engine.switches.delays["commit"] = 40.0
        await ask(node)
        await node.until(reason="SnapshotBeingTaken")
        began = asyncio.get_running_loop().time()
        run = node.container().started_at
        await node.change(**spec)
        status = (await until(node, "Failed"))["status"]
        assert status["message"] == f"it had to make way: {why}"
        assert asyncio.get_running_loop().time() - began < 15
        if "runState" in spec:
            await node.until(phase="stopped")
        else:
            await asyncio.sleep(10)
            assert state(node) is ContainerState.RUNNING and node.container().started_at != run
        assert kept(node) == []
        assert await told(node, "SnapshotFailed") == [f"snapshot s1 was not taken: it had to make way: {why}"]
        await asyncio.sleep(30)
        assert images(node) == []  # what the engine was at goes as soon as it is there


async def test_one_that_does_not_come_to_its_end_fails_and_the_next_has_its_turn(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        await node.kill_agent()
        await node.start_agent(commit_patience=60.0)
        node.engine.switches.delays["commit"] = 600.0
        await ask(node)
        status = (await until(node, "Failed"))["status"]
        assert status["message"] == "its files were not taken within 60s"
        await node.until(phase="running")
        assert state(node) is ContainerState.RUNNING


async def test_a_pause_that_is_declared_meanwhile_leaves_it_frozen(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        node.engine.switches.delays["commit"] = 60.0
        await ask(node)
        await node.until(reason="SnapshotBeingTaken")
        await node.change(runState="Paused")
        status = (await until(node, "Failed"))["status"]
        assert status["message"] == "it had to make way: the VPS is declared Paused"
        await node.until(phase="paused")
        await asyncio.sleep(30)
        assert state(node) is ContainerState.PAUSED
        assert node.engine.calls["unpause"] == 0
        assert node.guard is not None and node.guard.waiting == []
        await node.change(runState="Running")
        await node.until(phase="running")
        assert await told(node, "PausedOutside") == []


async def test_a_deletion_of_the_vps_is_not_kept_waiting(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        node.engine.switches.delays["commit"] = 60.0
        await ask(node)
        await node.until(reason="SnapshotBeingTaken")
        await node.delete()
        await node.until_gone()
        assert (await until(node, "Failed"))["status"]["message"] == "it had to make way: the VPS was deleted"
        assert node.containers() == []


async def test_a_snapshot_outlives_its_vps(tmp_path: Path) -> None:
    async with a_node_with(tmp_path, volumes=[{**VOLUMES[0], "reclaimPolicy": "Delete"}]) as node:
        await ask(node)
        before = await until(node, "Ready")
        await node.delete()
        await node.until_gone()
        await after_a_look(node)
        assert await find(node) == before
        assert images(node) == [before["status"]["image"]]
        assert len(kept(node)) == 1


async def test_one_that_is_deleted_while_it_is_taken_is_taken_no_further(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        node.engine.switches.delays["commit"] = 60.0
        await ask(node)
        await node.until(reason="SnapshotBeingTaken")
        await delete(node)
        await until_gone(node)
        await node.until(phase="running", reason=None)
        assert state(node) is ContainerState.RUNNING
        await asyncio.sleep(120)
        assert images(node) == [] and kept(node) == []


async def test_a_deleted_one_is_gone_from_disk_and_engine_before_it_is_gone_from_the_api(
    tmp_path: Path,
) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        await ask(node)
        await until(node, "Ready")
        node.engine.switches.refusals["remove_image"] = EngineRefused("the disk is read-only")
        await delete(node)
        await asyncio.sleep(30)
        assert await find(node) is not None
        del node.engine.switches.refusals["remove_image"]
        await until_gone(node)
        assert images(node) == [] and kept(node) == []


async def test_an_image_that_a_container_was_made_of_goes_with_that_container(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        await ask(node)
        image = (await until(node, "Ready"))["status"]["image"]
        spec = dataclasses.replace(node.engine.records()[0].spec, name="other", image=image)
        other = node.engine.create(spec)
        await delete(node)
        await until_gone(node)
        assert images(node) == [f"{image.rpartition(':')[0]}:gone"]
        await after_a_look(node)
        assert len(images(node)) == 1
        node.engine.remove(other, force=True)
        await after_a_look(node)
        assert images(node) == []


@pytest.mark.parametrize("what", ["image", "archive"])
async def test_files_that_somebody_took_away_are_said_to_be_lost(tmp_path: Path, what: str) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        await ask(node)
        ready = await until(node, "Ready")
        if what == "image":
            node.engine.remove_image(ready["status"]["image"])
            missing = f"its image {ready['status']['image']}"
        else:
            (file,) = (node.folder / "snapshots").rglob("*.tar")
            file.unlink()
            missing = f"the archive {file}"
        await after_a_look(node)
        status = (await find(node) or {})["status"]
        assert status["phase"] == "Lost"
        assert status["message"] == f"{missing} was removed or changed on node n1 from outside"
        await delete(node)
        await until_gone(node)


async def test_hooks_run_around_it_while_it_runs(tmp_path: Path) -> None:
    hooks = {"before": ["quiet", "now"], "after": ["go-on"]}
    async with a_node_with(tmp_path, snapshots={"hooks": hooks}) as node:
        await ask(node)
        status = (await until(node, "Ready"))["status"]
        assert node.hooks is not None
        assert node.hooks.ran == [("quiet", "running"), ("go-on", "running")]
        assert (status["before"], status["after"]) == ({"exitCode": 0}, {"exitCode": 0})


async def test_a_hook_that_fails_is_told_and_the_snapshot_is_taken(tmp_path: Path) -> None:
    hooks = {"before": ["quiet"], "after": ["go-on"], "timeout": "10s"}
    async with a_node_with(tmp_path, snapshots={"hooks": hooks}) as node:
        assert node.hooks is not None
        node.hooks.outcomes["quiet"] = Outcome(3, "no such database")
        node.hooks.takes["go-on"] = 3600.0
        await ask(node)
        status = (await until(node, "Ready"))["status"]
        assert status["before"] == {"exitCode": 3, "message": "no such database"}
        assert status["after"] == {"message": "it did not end in 10s"}
        assert set(await told(node, "SnapshotHookFailed")) == {
            "the hook before the snapshot ended with code 3: no such database (snapshot s1)",
            "the hook after the snapshot failed: it did not end in 10s (snapshot s1)",
        }


async def test_the_hook_after_it_runs_though_the_files_were_not_taken(tmp_path: Path) -> None:
    async with a_node_with(tmp_path, snapshots={"hooks": {"after": ["go-on"]}}) as node:
        node.engine.switches.refusals["commit"] = EngineRefused("no space left on device")
        await ask(node)
        status = (await until(node, "Failed"))["status"]
        assert status["message"] == "no space left on device"
        assert status["after"] == {"exitCode": 0}
        assert state(node) is ContainerState.RUNNING
        assert images(node) == [] and kept(node) == []


async def test_without_room_nothing_is_begun_and_both_numbers_are_said(tmp_path: Path) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        node.disk = Disk("/var/lib/fake", total=100 * GI, free=3 * GI)
        for folder in node.gauge.folders:
            node.gauge.folders[folder] = Amount(size=5 * GI, files=2)
        await ask(node)
        status = (await until(node, "Failed"))["status"]
        assert status["message"] == (
            "there is no room for it: the archives of its volumes take 5Gi, 1Gi more must stay free, and "
            "there are 3Gi of 100Gi free on /var/lib/fake"
        )
        assert node.engine.calls["pause"] == node.engine.calls["commit"] == 0


async def test_a_disk_that_fills_up_meanwhile_ends_it_and_the_commit_beside_it(tmp_path: Path) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        (file,) = (tmp_path / "volumes").rglob("file")
        file.write_bytes(b"x" * (70 << 20))

        def disk() -> Disk:
            free = 50 * GI if not node.engine.calls["commit"] else GI // 2
            return Disk("/var/lib/fake", total=100 * GI, free=free)

        node.look_at_disk = disk
        node.engine.switches.delays["commit"] = 40.0
        await ask(node)
        status = (await until(node, "Failed"))["status"]
        assert status["message"] == (
            "there is no room for it: 1Gi must stay free, and there are 512Mi of 100Gi free on /var/lib/fake"
        )
        assert state(node) is ContainerState.RUNNING
        assert kept(node) == []
        await asyncio.sleep(45)
        assert node.engine.calls["commit"] == 1
        assert images(node) == []


async def test_where_nothing_could_thaw_it_nothing_is_frozen(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        assert node.guard is not None
        node.guard.trouble = "the program that would thaw it cannot be run: no"
        await ask(node)
        assert (await until(node, "Failed"))["status"]["message"] == node.guard.trouble
        assert node.engine.calls["pause"] == 0


async def test_what_is_thawed_by_hand_meanwhile_is_of_no_one_moment(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        node.engine.switches.delays["commit"] = 10.0
        await ask(node)
        await node.until(reason="SnapshotBeingTaken")
        node.engine.unpause(node.container().id)
        message = (await until(node, "Failed"))["status"]["message"]
        assert message == "its container was thawed by somebody else while its files were taken"
        assert images(node) == []


async def test_a_vps_without_a_container_has_nothing_to_take(tmp_path: Path) -> None:
    async with a_node_with(tmp_path) as node:
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        await node.kill_agent()
        node.engine.remove(node.container().id, force=True)
        await node.start_agent()
        await ask(node)
        message = (await until(node, "Failed"))["status"]["message"]
        assert message == "VPS dev has no container on node n1"


async def test_snapshots_are_taken_one_at_a_time(tmp_path: Path) -> None:
    async with a_node_with(tmp_path, "one", "two") as node:
        node.engine.switches.delays["commit"] = 5.0
        began = asyncio.get_running_loop().time()
        await ask(node, "s1", of="one")
        await ask(node, "s2", of="two")
        await until(node, "Ready", name="s1")
        await until(node, "Ready", name="s2")
        assert asyncio.get_running_loop().time() - began >= 10


@pytest.mark.parametrize("step", ["volumes_of", "written", "commit", "unpause", "tag"])
async def test_an_agent_that_was_killed_at_any_step_takes_it_anew_and_once(tmp_path: Path, step: str) -> None:
    async with a_node_with(tmp_path, volumes=VOLUMES) as node:
        node.engine.switches.delays[step] = 10.0
        made = await ask(node)
        await until_asked(node, step)
        node.engine.switches.is_away = True  # whatever the agent would still ask, it is dead
        await node.kill_agent()
        node.engine.switches.is_away = False
        assert node.guard is not None
        node.guard.agent_died()
        node.engine.switches.delays.clear()
        assert state(node) is ContainerState.RUNNING
        await node.start_agent()
        status = (await until(node, "Ready"))["status"]
        assert images(node) == [status["image"]]
        assert kept(node) == [f"{made['metadata']['uid']}/volume-data.tar"]
        assert state(node) is ContainerState.RUNNING
        await after_a_look(node)
        assert images(node) == [status["image"]]


async def test_a_commit_of_an_agent_that_died_is_waited_for_before_another_is_begun(tmp_path: Path) -> None:
    socket = str(tmp_path / "docker.sock")
    async with a_node_with(tmp_path) as node:
        (tmp_path / "docker.pid").write_text("7")  # the engine's, that is at it all the while
        await node.kill_agent()
        await node.start_agent(docker=socket)
        node.engine.switches.delays["commit"] = 600.0
        made = await ask(node)
        await until_asked(node, "commit")
        note = json.loads((node.folder / "snapshots" / made["metadata"]["uid"] / "taking.json").read_text())
        await node.kill_agent()
        del node.engine.switches.delays["commit"]
        container = node.container().id
        node.engine.later(20.0, lambda: node.engine.commit(container, note["reference"], {}))
        await node.start_agent(docker=socket)
        await asyncio.sleep(15)
        assert node.engine.calls["commit"] == 1
        status = (await until(node, "Ready"))["status"]
        assert node.engine.calls["commit"] == 2
        assert images(node) == [status["image"]]


@pytest.mark.parametrize("step", ["written", "commit"])
async def test_what_became_of_it_is_said_once_the_api_hears_it(tmp_path: Path, step: str) -> None:
    async with running_api() as api, Link(int(api.url.rsplit(":", 1)[1])) as link:
        engine = FakeEngine()
        node = Node(
            *(api, engine, tmp_path),
            url=link.url,
            guard=FakeGuard(engine),
            hooks=FakeHooks(engine),
            losses=FakeLosses(),
        )
        await node.start_agent()
        await node.until_ready()
        await node.place(a_manifest())
        await node.until(phase="running")
        engine.switches.delays[step] = 10.0
        await ask(node)
        await until_asked(node, step)
        link.cut()
        await asyncio.sleep(60)
        assert state(node) is ContainerState.RUNNING  # it is thawed though nobody can be told of it
        link.heal()
        await until(node, "Ready")
        assert engine.calls["commit"] == 1
        await node.kill_agent()
