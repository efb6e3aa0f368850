"""A container made anew with other settings and its own files; its agent is killed at every step."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from kohakuriver.agent.machine import facts
from kohakuriver.agent.recreate import Recreator
from kohakuriver.agent.runtime.base import ContainerState, File
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Node, a_manifest, a_node
from tests.agent.dying import DyingRuntime
from tests.fakes.switches import FakeImage, Program, Pull

pytestmark = pytest.mark.looptime
NOTE = File("/root/note", b"written by its owner")


async def with_a_note(node: Node, **spec: Any) -> dict[str, Any]:
    """A running VPS in which somebody has written something."""
    await node.place(a_manifest(**spec))
    vps = await node.until(phase="running")
    node.engine.put_files(node.container().id, (NOTE,))
    return vps


def env(node: Node) -> dict[str, str]:
    (record,) = node.engine.records()
    return dict(record.spec.env)


def note(node: Node) -> File | None:
    (record,) = node.engine.records()
    return record.files.get(NOTE.path)


def commits(node: Node) -> list[str]:
    return [name for name in node.engine.images if name.startswith("kohakuriver/commit-")]


def condition(vps: dict[str, Any], kind: str = "RestartRequired") -> dict[str, Any]:
    found = {one["type"]: one for one in vps["status"]["conditions"]}
    return dict(found[kind])


async def recreated(node: Node, request: str = "r1") -> dict[str, Any]:
    await node.until(restartRequest=request)
    vps = await node.until(phase="running")
    await asyncio.sleep(3)
    return vps


@pytest.mark.parametrize("acts", [False, True], ids=["before the engine acts", "before it hears of it"])
@pytest.mark.parametrize("changed", ["env", "image"])
async def test_killed_at_any_step_it_ends_with_one_container_and_nothing_lost(
    tmp_path: Path, acts: bool, changed: str
) -> None:
    async with a_node(tmp_path) as node:
        for at in range(60):
            if not await _killed_at(at, node, acts=acts, changed=changed):
                assert at > 8, "the steps were not reached"
                return
    raise AssertionError("it never ends")


async def _killed_at(at: int, node: Node, *, acts: bool, changed: str) -> bool:
    """Whether the agent was killed; it is not where the restart takes fewer calls. The node is left empty."""
    files_go = {"image": "kohakuriver/debian-ssh", "replaceFiles": 1}
    change: dict[str, Any] = {"env": {"A": "new"}} if changed == "env" else files_go
    await node.kill_agent()
    node.runtime = dying = DyingRuntime(node.engine, at=at, acts=acts)
    await node.start_agent()
    vps = await with_a_note(node, env={"A": "old", "B": "b"})
    await node.until(state="running")
    dying.is_armed = True
    await node.change(restartRequest="r1", **change)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(8):
            await dying.died.wait()
    dying.is_armed = dying.died.is_set()
    await node.kill_agent()
    assert len(node.containers()) in (1, 2)
    node.runtime = None
    await node.start_agent()
    await recreated(node)
    where = f"killed at call {at}"
    assert len(node.containers()) == 1, where
    assert node.container().name.endswith(f"dev-{(await node.get())['metadata']['uid'][:8]}"), where
    if changed == "env":
        assert env(node)["A"] == "new" and note(node) == NOTE, where
        assert len(commits(node)) == 1, where
    else:
        assert node.container().image == change["image"] and note(node) is None, where
        assert commits(node) == [], where
        assert any(_is_about(vps, event) for event in await node.events("FilesystemReplaced")), where
    assert not await node.events("FilesystemLost"), where
    assert (await node.until_ready())["status"].get("unknown") is None, where
    await node.delete()
    await node.until_gone()
    assert node.containers() == [] and commits(node) == [], where
    return dying.died.is_set()


def _is_about(vps: dict[str, Any], event: dict[str, Any]) -> bool:
    return bool(event["involvedObject"]["uid"] == vps["metadata"]["uid"])


async def test_a_changed_env_waits_for_a_restart_and_keeps_the_files(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        first = (await with_a_note(node, env={"A": "1"}))["status"]["observed"]["container"]
        await node.change(env={"A": "2"})
        await asyncio.sleep(30)
        vps = await node.get()
        assert condition(vps)["status"] == "True" and "files are kept" in condition(vps)["message"]
        assert node.container().id == first["id"]
        await node.change(restartRequest="r1")
        vps = await recreated(node)
        assert env(node)["A"] == "2" and note(node) == NOTE
        assert condition(await node.get())["status"] == "False"
        seen = (await node.get())["status"]["observed"]["container"]
        assert seen["image"] == "kohakuriver/busybox" and seen["name"] == first["name"]
        assert len(await node.events("Recreated")) == 1


async def test_a_stop_and_a_start_take_the_change_up_too(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node)
        await node.change(runState="Stopped", command=["/bin/sh", "-c", "sleep 1000"])
        await node.until(phase="stopped")
        await node.change(runState="Running")
        await node.until(phase="running")
        (record,) = node.engine.records()
        assert record.command == ("/bin/sh", "-c", "sleep 1000") and note(node) == NOTE


async def test_an_exit_of_the_program_is_no_restart_that_takes_the_change_up(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node)
        await node.change(env={"A": "2"})
        await asyncio.sleep(1)
        node.engine.end(node.container().id, exit_code=3)
        await asyncio.sleep(5)
        await node.until(phase="running")
        assert "A" not in env(node)


async def test_restarts_without_a_change_make_nothing_anew(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        first = (await with_a_note(node))["status"]["observed"]["container"]["id"]
        await node.change(restartRequest="r1")
        await recreated(node)
        assert node.container().id == first and commits(node) == []


async def test_files_are_carried_over_again_and_again_with_one_image_left(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node)
        for turn in range(1, 4):
            await node.change(env={"A": str(turn)}, restartRequest=f"r{turn}")
            await recreated(node, f"r{turn}")
            assert env(node)["A"] == str(turn) and note(node) == NOTE
            assert len(commits(node)) == 1 and commits(node)[0].endswith(f":{turn}")


async def test_an_image_that_must_be_fetched_first_costs_no_file(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.registry["other:1"] = Pull(FakeImage("sha256:other"), seconds=1, error="no such thing")
        await with_a_note(node)
        await node.change(image="other:1", restartRequest="r1", replaceFiles=1)
        vps = await node.until(reason="ImagePullFailed")
        assert vps["status"]["phase"] == "assigning" and note(node) == NOTE
        await node.change(image="kohakuriver/busybox", replaceFiles=0)
        await node.until(phase="running")
        assert note(node) == NOTE
        node.engine.registry["other:1"] = Pull(FakeImage("sha256:other"), seconds=1)
        await node.change(image="other:1", restartRequest="r2", replaceFiles=2)
        await recreated(node, "r2")
        assert node.container().image == "other:1"


async def test_without_room_the_old_container_goes_on_and_that_is_said(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        first = (await with_a_note(node, env={"A": "1"}))["status"]["observed"]["container"]["id"]
        node.engine.switches.refusals["commit"] = EngineRefused("no space left on device")
        await node.change(env={"A": "2"}, restartRequest="r1")
        vps = await recreated(node)
        assert node.container().id == first and env(node)["A"] == "1" and note(node) == NOTE
        vps = await node.get()
        assert condition(vps)["reason"] == "RecreationRefused"
        assert "no space left" in condition(vps)["message"]
        assert len(await node.events("RecreationRefused")) == 1
        del node.engine.switches.refusals["commit"]
        await node.change(restartRequest="r2")
        await recreated(node, "r2")
        assert env(node)["A"] == "2" and note(node) == NOTE


async def test_a_new_container_that_does_not_start_leaves_the_old_one_in_place(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node, env={"A": "1"})
        node.engine.switches.refusals["start"] = EngineRefused("exec: no such file")
        await node.change(command=["/no/such"], restartRequest="r1")
        await asyncio.sleep(5)
        assert sorted(one.state for one in node.containers()) == [
            ContainerState.CREATED,
            ContainerState.EXITED,
        ]
        assert (await node.until_ready())["status"].get("unknown") is None
        await node.change(command=["/bin/true"])
        await asyncio.sleep(70)
        assert len(node.containers()) == 2
        del node.engine.switches.refusals["start"]
        await recreated(node)
        (record,) = node.engine.records()
        assert record.command == ("/bin/true",) and note(node) == NOTE


async def test_deleted_in_the_middle_nothing_is_left(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node, env={"A": "1"})
        node.engine.switches.refusals["start"] = EngineRefused("no")
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(3)
        assert len(node.containers()) == 2
        await node.delete()
        await node.until_gone()
        assert node.containers() == [] and commits(node) == []


async def test_stopped_in_the_middle_it_goes_on_at_the_next_start(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node, env={"A": "1"})
        node.engine.switches.refusals["create"] = EngineRefused("no")
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(3)
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        del node.engine.switches.refusals["create"]
        await asyncio.sleep(60)
        assert (await node.get())["status"]["phase"] == "stopped"
        await node.change(runState="Running")
        await node.until(phase="running")
        await asyncio.sleep(3)
        assert env(node)["A"] == "2" and note(node) == NOTE


async def test_the_old_container_removed_by_hand_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node, env={"A": "1"})
        node.engine.switches.refusals["create"] = EngineRefused("no")
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(3)
        node.engine.remove(node.container().id, force=True)
        del node.engine.switches.refusals["create"]
        await recreated(node)
        assert env(node)["A"] == "2" and note(node) == NOTE
        assert not await node.events("FilesystemLost")


async def test_a_word_given_and_taken_back_in_the_middle_costs_no_file(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node, env={"A": "1"})
        node.engine.switches.refusals["start"] = EngineRefused("no")
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(3)
        await node.change(image="kohakuriver/debian-ssh", replaceFiles=1)
        await asyncio.sleep(70)
        await node.change(replaceFiles=0)
        await asyncio.sleep(70)
        del node.engine.switches.refusals["start"]
        await recreated(node)
        assert node.container().image.startswith("kohakuriver/commit-") and note(node) == NOTE


async def test_a_made_anew_vps_keeps_its_host_key_and_its_login(tmp_path: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmGv1RrVYaFWBVCLpgSWCiGgEpcuzJIsXrl9NR1oE0k a"
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(ssh={"authorizedKeys": [key]}))
        before = await node.until(state="running")
        await node.change(env={"A": "2"}, restartRequest="r1")
        await recreated(node)
        after = await node.until(state="running")
        assert after["status"]["observed"]["ssh"]["hostKey"] == before["status"]["observed"]["ssh"]["hostKey"]
        (record,) = node.engine.records()
        assert key.encode() in record.files["/etc/kohakuriver/authorized_keys"].content


async def test_a_program_that_ends_at_once_is_made_anew_once(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        vps = await with_a_note(node, env={"A": "1"})
        name = vps["status"]["observed"]["container"]["name"]
        node.engine.programs[name] = Program(runs_for=0.1, exit_code=1)
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(30)
        assert node.engine.calls["commit"] == 1 and len(node.containers()) == 1
        assert env(node)["A"] == "2" and note(node) == NOTE


async def test_a_made_anew_vps_is_steady(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node)
        await node.change(env={"A": "2"}, restartRequest="r1")
        await recreated(node)
        await asyncio.sleep(5)
        before = await node.get()
        registered = await node.api.get(kinds.NODE.path(name="n1"))
        await asyncio.sleep(60)
        assert (await node.get())["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
        again = await node.api.get(kinds.NODE.path(name="n1"))
        assert again.body["metadata"]["resourceVersion"] == registered.body["metadata"]["resourceVersion"]


@pytest.mark.fault(28)
async def test_a_port_taken_by_a_stranger_while_it_was_stopped_costs_no_file(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        vps = await with_a_note(node, ssh={"authorizedKeys": []})
        port = vps["status"]["assignment"]["grant"]["sshPort"]
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        node.engine.switches.ports_of_strangers[port] = "process nginx"
        await node.change(runState="Running")
        vps = await node.until(phase="running")
        await asyncio.sleep(3)
        (record,) = node.engine.records()
        assert vps["status"]["assignment"]["grant"]["sshPort"] != port
        assert [one.host_port for one in record.ports] == [vps["status"]["assignment"]["grant"]["sshPort"]]
        assert note(node) == NOTE


async def test_a_disk_without_room_for_the_files_is_told_in_numbers(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node)
        entry = next(iter(node.agent.roster)) if node.agent is not None else None
        assert entry is not None
        node.engine.end(node.container().id, exit_code=0)
        assert node.agent is not None
        recreator = Recreator(
            node.agent.context, disk=lambda root: facts.Disk(root, total=1 << 40, free=32 << 20)
        )
        await recreator.set_aside(entry, node.container().id)
        assert entry.memory.kept_back is not None and "32Mi of 1Ti free" in entry.memory.kept_back.message
        assert len(await node.events("RecreationRefused")) == 1
        assert node.engine.calls["commit"] == 0


async def test_processes_that_the_engine_lost_sight_of_are_ended_before_the_container_starts_again(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node)
        before = node.container().id
        node.engine.switches.left_behind[before] = 3
        node.engine.end(before, exit_code=137)
        await asyncio.sleep(10)
        await node.until(phase="running")
        assert node.container().id == before and note(node) == NOTE
        (event,) = await node.events("LeftoversEnded")
        assert event["message"].startswith(f"3 processes of container {before[:12]} ran on")
        assert await node.events("RunLeftBehind") == []


async def test_a_container_that_the_engine_will_not_start_again_is_made_anew_with_its_files(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await with_a_note(node)
        before = node.container().id
        node.engine.switches.left_behind[before] = 0
        node.engine.end(before, exit_code=137)
        await asyncio.sleep(30)
        await node.until(phase="running")
        assert node.container().id != before and note(node) == NOTE
        (event,) = await node.events("RunLeftBehind")
        assert event["type"] == "Warning" and "already exists" in event["message"]
        assert len(await node.events("Recreated")) == 1


async def test_what_is_left_of_a_container_that_somebody_removed_is_ended_before_another_is_made(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        before = node.container().id
        node.engine.switches.left_behind[before] = 1
        node.engine.remove(before, force=True)
        await asyncio.sleep(1)
        await node.until(phase="running")
        assert node.container().id != before
        assert node.engine.switches.left_behind == {}
        assert len(await node.events("LeftoversEnded")) == 1


async def test_a_deletion_is_told_once_nothing_is_left_of_its_container(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        before = node.container().id
        await node.kill_agent()
        node.engine.remove(before, force=True)
        node.engine.switches.left_behind[before] = 1
        reply = await node.api.call("DELETE", kinds.VPS.path(namespace="default", name="dev"))
        assert reply.code == 200
        await node.start_agent()
        await node.until_gone()
        assert node.engine.switches.left_behind == {}
