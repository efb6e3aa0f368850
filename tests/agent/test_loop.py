"""The whole agent, on a fake engine and the real API server, in simulated time."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kohakuriver.agent.journal import Journal
from kohakuriver.agent.runtime import keepalive
from kohakuriver.agent.runtime.base import ContainerState
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.apiserver.registration import Registration
from kohakuriver.resources import kinds
from tests.agent.agent_kit import UNHEARD, Node, a_manifest, a_node
from tests.agent.placement_kit import lose
from tests.fakes.clock import LoopClock
from tests.fakes.switches import FakeImage, Program, Pull

pytestmark = pytest.mark.looptime


async def running(node: Node, name: str = "dev", **spec: Any) -> dict[str, Any]:
    await node.place(a_manifest(name, **spec))
    return await node.until(name, phase="running")


async def test_a_bound_vps_runs_and_says_so(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        vps = await running(node)
        observed = vps["status"]["observed"]
        assert observed["container"]["id"] == node.container().id
        assert observed["container"]["startedAt"] and observed["container"]["restarts"] == 0
        assert observed["container"]["ip"].startswith("10.0.0.")
        assert observed["grant"] == {"cores": "1", "memory": "1Gi"}


async def test_a_start_takes_three_engine_calls_and_one_write(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.calls.clear()
        await running(node)
        calls = {name: count for name, count in node.engine.calls.items() if name != "list"}
        assert calls == {"create": 1, "start": 1, "inspect": 1}
        assert node.agent is not None and node.agent.reporter.written == 1


async def test_what_never_comes_to_rest_is_given_a_pause_and_takes_no_turn_of_others(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        node.engine.switches.ignores_updates = True
        node.engine.calls.clear()
        narrowed = dataclasses.replace(node.container(), limits=None)
        node.engine.find(narrowed.id).seen = narrowed
        await node.change(restartPolicy="Never")
        await running(node, "other")
        await asyncio.sleep(30)  # a list finds out
        assert 8 < node.engine.calls["update"] <= 8 * 31


async def test_what_never_comes_to_rest_answers_that_its_node_is_there(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        node.engine.switches.ignores_updates = True
        narrowed = dataclasses.replace(node.container(), limits=None)
        node.engine.find(narrowed.id).seen = narrowed
        await node.change(restartPolicy="Never")
        await asyncio.sleep(30)  # a list finds out
        await lose(node)
        await asyncio.sleep(10)
        assert "unreachableSince" not in (await node.get())["status"]


async def test_a_start_that_came_through_at_last_is_told_of_the_run_that_it_brought(tmp_path: Path) -> None:
    """What was known of the run before is not said of the new one."""
    async with a_node(tmp_path) as node:
        node.engine.programs["kohakuriver/busybox"] = Program(runs_for=20.0)
        await node.place(a_manifest(ssh={"authorizedKeys": [KEY]}))
        await node.until(phase="running")
        node.engine.switches.refusals["start"] = EngineRefused("no room")
        await node.until(reason="EngineRefused")
        del node.engine.switches.refusals["start"]
        assert node.agent is not None
        written = node.agent.reporter.written
        await node.until(phase="running")
        assert node.agent.reporter.written == written + 1


async def test_a_steady_node_writes_nothing(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        before = await running(node)
        await asyncio.sleep(1)
        written = node.agent.reporter.written if node.agent else 0
        registered = await node.until_ready()
        await asyncio.sleep(60)
        assert (await node.get())["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
        again = await node.until_ready()
        assert again["metadata"]["resourceVersion"] == registered["metadata"]["resourceVersion"]
        assert node.agent is not None and node.agent.reporter.written == written


async def test_the_node_says_what_can_be_booked(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        status = (await node.until_ready())["status"]
        assert status["capacity"] == {"cores": "8", "memory": "16Gi"}
        assert status["allocatable"]["cores"] == "8"
        assert status["cpuOvercommit"] == "1"
        assert "kohakuriver/busybox" in status["images"]
        assert status["sshPorts"] == {"address": UNHEARD, "first": 30000, "last": 31999}


async def test_the_node_says_how_often_it_gives_each_core(tmp_path: Path) -> None:
    async with a_node(tmp_path, cpu_overcommit=1500) as node:
        assert (await node.until_ready())["status"]["cpuOvercommit"] == "1.5"


@pytest.mark.fault(11)
async def test_a_node_object_deleted_under_a_living_agent_is_made_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        before = await running(node)
        first = await node.until_ready()
        await node.api.call("DELETE", kinds.NODE.path(name="n1"))
        await asyncio.sleep(5)
        assert (await node.until_ready())["metadata"]["uid"] != first["metadata"]["uid"]
        assert (await node.get())["status"]["observed"] == before["status"]["observed"]


@pytest.mark.fault(1)
async def test_an_agent_killed_and_started_again_touches_nothing(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        before = await running(node)
        await node.kill_agent()
        await asyncio.sleep(5)
        await node.start_agent()
        await asyncio.sleep(15)
        after = await node.get()
        assert after["status"]["phase"] == "running"
        assert after["status"]["observed"]["container"] == before["status"]["observed"]["container"]
        assert node.engine.calls["create"] == node.engine.calls["start"] == 1
        assert node.engine.calls["put_files"] == 0


@pytest.mark.fault(16)
async def test_a_container_removed_by_hand_is_made_again_with_a_warning(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        before = await running(node)
        node.engine.remove(node.container().id, force=True)
        await asyncio.sleep(0.3)
        after = await node.until(phase="running")
        assert (
            after["status"]["observed"]["container"]["id"] != before["status"]["observed"]["container"]["id"]
        )
        (event,) = await node.events("FilesystemLost")
        assert event["type"] == "Warning" and "was removed from outside" in event["message"]


@pytest.mark.fault(16)
async def test_a_network_that_was_pruned_is_made_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        made = dict(node.engine.networks)
        assert len(made) == 1
        node.engine.networks.clear()
        await asyncio.sleep(15)
        assert node.engine.networks == made


@pytest.mark.fault(16)
async def test_a_container_paused_by_hand_goes_on_with_a_warning(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        node.engine.pause(node.container().id)
        await asyncio.sleep(1)
        assert node.container().state is ContainerState.RUNNING
        assert len(await node.events("PausedOutside")) == 1


@pytest.mark.fault(16)
async def test_a_container_renamed_by_hand_stays_the_vps_s(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        node.engine.rename(node.container().id, "something-else")
        await asyncio.sleep(15)
        assert len(node.containers()) == 1
        vps = await node.get()
        assert vps["status"]["phase"] == "running"
        assert vps["status"]["observed"]["container"]["name"] == "something-else"


@pytest.mark.fault(14)
async def test_a_lost_event_is_made_up_for_by_the_next_list(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        node.engine.switches.loses_events = True
        node.engine.end(node.container().id, exit_code=1)
        await asyncio.sleep(13)
        vps = await node.until(phase="running")
        assert vps["status"]["observed"]["container"]["restarts"] == 1
        assert node.agent is not None and node.agent.roster.missed >= 1


@pytest.mark.fault(17)
async def test_a_crash_loop_is_counted_told_and_slowed_down(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.programs["kohakuriver/busybox"] = Program(runs_for=0.5, exit_code=3)
        await node.place(a_manifest())
        vps = await node.until(reason="CrashLoopBackOff")
        assert vps["status"]["phase"] == "assigning"
        assert vps["status"]["observed"]["container"]["exitCode"] == 3
        before = node.engine.calls["start"]
        await asyncio.sleep(60)
        assert 1 <= node.engine.calls["start"] - before <= 7


@pytest.mark.parametrize("code", [pytest.param(2, id="taken away"), pytest.param(0, id="emptied")])
async def test_a_keep_alive_whose_file_was_lost_is_written_again_and_runs(tmp_path: Path, code: int) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        container = node.container().id
        assert (
            node.engine.find(container).files.get(keepalive.PATH) is None
        )  # the engine's own part puts it in first
        node.engine.end(container, exit_code=code)
        await asyncio.sleep(5)
        await node.until(phase="running")
        assert node.engine.find(container).files.get(keepalive.PATH) == keepalive.files(())[0]
        assert node.engine.calls["put_files"] == 1


async def test_a_program_of_ones_own_that_ends_so_gets_no_keep_alive(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node, command=["/srv/run"])
        node.engine.end(node.container().id, exit_code=2)
        await asyncio.sleep(5)
        await node.until(phase="running")
        assert node.engine.calls["put_files"] == 0


@pytest.mark.fault(17)
async def test_lack_of_memory_is_named(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node, restartPolicy="Never")
        node.engine.end(node.container().id, exit_code=137, oom=True)
        vps = await node.until(phase="stopped")
        assert vps["status"]["reason"] == "OOMKilled"


async def test_a_stop_keeps_the_container_and_a_start_uses_it_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        first = node.container().id
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        await node.act("release")
        await node.change(runState="Running")
        await asyncio.sleep(15)
        assert node.container().state is ContainerState.EXITED, "nothing starts without a grant"
        await node.act("regrant")
        await node.until(phase="running")
        assert node.container().id == first


async def test_a_stop_is_reported_only_when_it_is_so(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.programs["kohakuriver/busybox"] = Program(ends_after=5.0)
        await running(node)
        await node.change(runState="Stopped")
        await asyncio.sleep(4)
        assert (await node.get())["status"]["phase"] == "running"
        await node.until(phase="stopped")
        assert node.container().state is ContainerState.EXITED


async def test_pause_and_resume_keep_the_run(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        before = await running(node)
        await node.change(runState="Paused")
        await node.until(phase="paused")
        await node.change(runState="Running")
        after = await node.until(phase="running")
        assert after["status"]["observed"]["container"] == before["status"]["observed"]["container"]


async def test_a_restart_request_restarts_once(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await asyncio.sleep(5)
        await node.change(restartRequest="r1")
        vps = await node.until(restartRequest="r1")
        assert vps["status"]["observed"]["container"]["restarts"] == 1
        await asyncio.sleep(30)
        assert node.engine.calls["start"] == 2


@pytest.mark.parametrize("moment", [0.0, 1.0, 3.0])
async def test_a_restart_cut_by_a_killed_agent_still_happens_once(tmp_path: Path, moment: float) -> None:
    async with a_node(tmp_path) as node:
        node.engine.programs["kohakuriver/busybox"] = Program(ends_after=2.0)
        await running(node)
        await asyncio.sleep(5)
        await node.change(restartRequest="r1")
        await asyncio.sleep(moment)
        await node.kill_agent()
        await asyncio.sleep(5)
        await node.start_agent()
        vps = await node.until(restartRequest="r1", phase="running")
        assert vps["status"]["observed"]["container"]["restarts"] == 1
        await asyncio.sleep(30)
        assert node.engine.calls["start"] == 2


async def test_a_delete_ends_with_nothing_left(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await node.delete()
        await node.until_gone()
        assert node.containers() == []
        assert node.agent is not None and list(node.agent.roster) == []


async def test_a_delete_without_grace_cuts_a_long_stop_short(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.programs["kohakuriver/busybox"] = Program(ends_after=3000.0)
        await running(node, stopGracePeriod="1h")
        await node.delete()
        await asyncio.sleep(30)
        assert node.container().state is ContainerState.RUNNING
        await node.delete(gracePeriodSeconds=0)
        async with asyncio.timeout(5):
            await node.until_gone()
        assert node.containers() == []


@pytest.mark.fault(19, 21)
async def test_a_vps_deleted_while_its_image_is_pulled_goes_at_once_and_stays_gone(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.registry["big"] = Pull(FakeImage("sha256:big"), seconds=100)
        await node.place(a_manifest(image="big"))
        vps = await node.until(reason="Pulling")
        assert vps["status"]["phase"] == "assigning"
        await node.delete()
        async with asyncio.timeout(2):
            await node.until_gone()
        await asyncio.sleep(120)
        assert node.containers() == []


@pytest.mark.fault(19)
async def test_a_slow_pull_tells_how_far_it_is_and_ends_in_a_running_vps(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.registry["big"] = Pull(FakeImage("sha256:big"), seconds=40)
        await node.place(a_manifest(image="big"))
        await node.until(message="pulling big: 50 %")
        await node.until(phase="running")


@pytest.mark.fault(19)
async def test_an_image_no_registry_has_is_said_and_tried_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(image="nowhere"))
        vps = await node.until(reason="ImagePullFailed")
        assert "the registry does not have it" in vps["status"]["message"]
        node.engine.registry["nowhere"] = Pull(FakeImage("sha256:found"))
        await node.until(phase="running")


async def test_an_image_of_our_own_that_is_missing_is_never_pulled(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(image="kohakuriver/nothing"))
        vps = await node.until(state="failed")
        assert "the node does not have the image" in vps["status"]["message"]
        assert node.engine.calls["pull"] == 0


async def test_an_image_to_be_pulled_always_is_pulled_once_for_each_container(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.registry["tool"] = Pull(FakeImage("sha256:tool"))
        await running(node, image="tool", imagePullPolicy="Always")
        assert node.engine.calls["pull"] == 1


@pytest.mark.fault(15)
@pytest.mark.parametrize("call", ["create", "start", "stop", "remove", "inspect"])
async def test_a_lost_reply_never_makes_two_containers(tmp_path: Path, call: str) -> None:
    async with a_node(tmp_path) as node:
        node.engine.switches.lost_replies[call] = 1
        await running(node)
        assert len(node.containers()) == 1 and node.engine.find(node.container().id).starts == 1
        await node.delete()
        await node.until_gone()
        assert node.containers() == []


@pytest.mark.fault(15, 21)
async def test_a_container_born_after_its_vps_was_deleted_is_removed_and_never_runs(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.switches.late["create"] = 20.0
        await node.place(a_manifest())
        await asyncio.sleep(0.2)
        await node.delete()
        await node.until_gone()
        await asyncio.sleep(40)
        assert node.containers() == []
        assert node.engine.calls["start"] == 0


@pytest.mark.fault(15, 21)
async def test_one_born_after_its_agent_died_too_is_removed_by_the_next_and_holds_no_port(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        node.engine.switches.late["create"] = 20.0
        await node.place(a_manifest(ssh={"passwordless": True}))
        await asyncio.sleep(0.2)
        await node.delete()
        await node.until_gone()
        await node.kill_agent()
        await node.start_agent()
        await asyncio.sleep(90)
        assert node.containers() == [] and node.engine.calls["start"] == 0
        status = (await node.api.get(kinds.NODE.path(name="n1"))).body["status"]
        assert "unknown" not in status


@pytest.mark.fault(12)
async def test_a_hanging_engine_is_told_and_known_phases_are_kept(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        node.engine.switches.hangs = True
        await asyncio.sleep(40)
        reply = await node.api.get(kinds.NODE.path(name="n1"))
        ready = next(one for one in reply.body["status"]["conditions"] if one["type"] == "RuntimeReady")
        assert ready["status"] == "False" and ready["reason"] == "EngineHangs"
        assert (await node.get())["status"]["phase"] == "running"
        node.engine.switches.hangs = False
        await node.until_ready()


@pytest.mark.fault(13)
@pytest.mark.parametrize("policy", ["Always", "Never"])
async def test_after_a_restart_of_the_engine_everything_runs_again(tmp_path: Path, policy: str) -> None:
    async with a_node(tmp_path) as node:
        await running(node, restartPolicy=policy)
        await asyncio.sleep(5)
        node.engine.restart()
        await asyncio.sleep(2)
        vps = await node.until(phase="running")
        assert vps["status"]["observed"]["container"]["restarts"] == 1
        assert len(await node.events("Interrupted")) == 1


@pytest.mark.fault(12, 13)
async def test_nothing_is_called_stopped_while_the_engine_is_away(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        node.engine.go_away()
        await asyncio.sleep(30)
        assert (await node.get())["status"]["phase"] == "running"
        node.engine.switches.is_away = False
        await asyncio.sleep(10)
        assert (await node.get())["status"]["phase"] == "running"
        assert node.engine.calls["start"] == 1


async def test_containers_no_vps_accounts_for_are_named_and_left_alone(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        uid = (await node.get())["metadata"]["uid"]
        await node.kill_agent()
        await node.api.call("DELETE", f"{kinds.VPS.path(namespace='default', name='dev')}")
        path = f"{kinds.VPS.path(namespace='default', name='dev', subresource='finish')}"
        await node.api.call("POST", path, {"uid": uid, "epoch": 1}, user="n1", headers=node.session)
        await node.start_agent()
        await asyncio.sleep(25)
        status = (await node.until_ready())["status"]
        assert [one["container"] for one in status["unknown"]] == [node.container().name]
        assert node.api.server.proofs.hold("n1", status["unknown"][0])
        assert node.container().state is ContainerState.RUNNING


async def test_a_vps_marked_unreachable_is_answered_for(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        path = f"{kinds.VPS.path(namespace='default', name='dev', subresource='status')}"
        headers = {"Content-Type": "application/merge-patch+json"}
        mark = {"status": {"unreachableSince": "2026-01-01T00:00:00Z"}}
        reply = await node.api.call("PATCH", path, mark, headers=headers)
        assert reply.body["status"]["phase"] == "lost"
        vps = await node.until(phase="running")
        assert "unreachableSince" not in vps["status"]


async def test_what_the_engine_does_not_keep_to_of_a_vps_is_told(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.switches.warnings = ("Your kernel does not support CPU cfs quota. Quota discarded.",)
        await running(node)
        (event,) = await node.events("EngineWarned")
        assert event["message"] == node.engine.switches.warnings[0]
        assert event["type"] == "Warning" and event["involvedObject"]["name"] == "dev"


async def test_a_name_that_a_stranger_owns_is_told(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        made = await node.api.create(kinds.VPS, a_manifest())
        name = f"kohakuriver-default-dev-{made['metadata']['uid'][:8]}"
        first = await running(node, "other")
        assert first
        stranger = node.container()
        node.engine.rename(stranger.id, name)
        await node.bind(made)
        vps = await node.until(state="failed")
        assert "which is not this VPS's" in vps["status"]["message"]
        assert node.container().state is ContainerState.RUNNING


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmGv1RrVYaFWBVCLpgSWCiGgEpcuzJIsXrl9NR1oE0k me"


async def test_an_image_without_sshd_runs_at_once_and_says_why_nobody_can_log_in(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(ssh={"authorizedKeys": [KEY]}))
        vps = await node.until(phase="running")
        assert vps["status"]["observed"]["ssh"]["state"] == "unavailable"
        assert "/usr/sbin/sshd" in vps["status"]["message"]
        ready = next(one for one in vps["status"]["conditions"] if one["type"] == "SSHReady")
        assert ready["status"] == "False" and ready["reason"] == "Unavailable"


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_key_that_was_taken_back_opens_nothing_though_nobody_knows_whether_it_was_written(
    tmp_path: Path, is_killed: bool
) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(ssh={"authorizedKeys": [KEY]}))
        await node.until(phase="running")
        await asyncio.sleep(5)
        node.engine.switches.lost_replies["put_files"] = 1
        await node.change(ssh={"authorizedKeys": [KEY, f"{KEY}-to-be-taken-back"]})
        await asyncio.sleep(0.5)
        keys = node.engine.find(node.container().id).files["/etc/kohakuriver/authorized_keys"]
        assert b"taken-back" in keys.content
        if is_killed:
            await node.kill_agent()
        await node.change(ssh={"authorizedKeys": [KEY]})
        if is_killed:
            await node.start_agent()
        await asyncio.sleep(30)
        keys = node.engine.find(node.container().id).files["/etc/kohakuriver/authorized_keys"]
        assert keys.content.decode() == f"{KEY}\n"


async def test_a_vps_without_the_default_image_waits_and_says_how_the_node_gets_it(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        image = node.engine.images.pop("kohakuriver/debian-ssh")
        await node.place(a_manifest(image="kohakuriver/debian-ssh", ssh={}))
        vps = await node.until(reason="ImageNotOnNode")
        told = vps["status"]["message"]
        assert "does not have the image kohakuriver/debian-ssh" in told
        assert "run `kohakuriver image build` there, as root" in told and "make " not in told
        node.engine.images["kohakuriver/debian-ssh"] = image
        await node.until(state="starting")


async def test_a_node_says_whether_it_has_the_default_image_and_of_when(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:

        async def reported() -> dict[str, Any]:
            await asyncio.sleep(30)  # simulated
            return (await node.api.get(kinds.NODE.path(name="n1"))).body["status"]["defaultImage"]

        assert await reported() == {"present": True, "built": "2026-01-31T12:00:00Z"}
        image = node.engine.images.pop("kohakuriver/debian-ssh")
        assert await reported() == {"present": False}
        node.engine.images["kohakuriver/debian-ssh"] = dataclasses.replace(image, built="")
        assert await reported() == {"present": True}


async def test_an_sshd_that_never_answers_is_given_ten_seconds(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(image="kohakuriver/debian-ssh", ssh={}))
        vps = await node.until(state="starting")
        assert vps["status"]["phase"] == "assigning"
        vps = await node.until(phase="running")
        assert vps["status"]["observed"]["ssh"]["state"] == "waiting"
        assert vps["status"]["observed"]["ssh"]["hostKey"].startswith("ssh-ed25519 ")


@pytest.mark.fault(3)
async def test_another_engine_in_place_of_the_node_s_own_is_refused(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await node.kill_agent()
        node.engine.volumes.clear()  # and with it the agent's own mark
        node.engine.remove(node.container().id, force=True)
        await node.start_agent()
        await asyncio.sleep(30)
        assert node.containers() == []
        reply = await node.api.get(kinds.NODE.path(name="n1"))
        ready = next(one for one in reply.body["status"]["conditions"] if one["type"] == "RuntimeReady")
        assert ready["reason"] == "EngineReplaced"


@pytest.mark.fault(10)
async def test_a_second_agent_of_the_same_name_is_refused(tmp_path: Path) -> None:
    async with a_node(tmp_path / "first") as node:
        second = Node(node.api, node.engine, tmp_path / "second")
        await second.start_agent()
        assert second.task is not None
        (error,) = await asyncio.gather(second.task, return_exceptions=True)
        assert "another agent" in str(error)


async def test_an_agent_hears_of_other_servers_with_its_renewals_and_keeps_that(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        other = Registration(node.api.store, LoopClock(), id_="a", url="http://10.0.0.1:6443")
        await other.step()
        await asyncio.sleep(4)
        assert Journal(tmp_path).load_servers() == (node.api.url, "http://10.0.0.1:6443")
        watched = node.api.server.cache.kinds[kinds.LEASE].watchers
        assert len(watched) == 0, "what is renewed all the time is told to no node"
        await other.remove()
        await asyncio.sleep(4)
        assert Journal(tmp_path).load_servers() == (node.api.url,)


async def test_a_namespace_whose_vpses_stop_for_ever_keeps_nobody_elses_from_stopping(tmp_path: Path) -> None:
    small = {"cores": 0.1, "memory": "64Mi"}
    theirs = kinds.VPS.path(namespace="team-b", name="other")
    async with a_node(tmp_path, stops=4) as node:
        node.engine.programs["stubborn"] = Program(ends_after=1e9)
        node.engine.images["stubborn"] = FakeImage("sha256:stubborn")
        other = a_manifest("other", resources=small)
        other["metadata"]["namespace"] = "team-b"
        await node.api.create(kinds.NAMESPACE, {"metadata": {"name": "team-b"}})
        made = await node.api.create(kinds.VPS, other)
        body = {"uid": made["metadata"]["uid"], "node": node.name}
        assert (await node.api.call("POST", f"{theirs}/bind", body, user="controller")).code == 200
        for number in range(4):
            name = f"a{number}"
            await running(node, name, image="stubborn", stopGracePeriod="300h", resources=small)
            await node.change(name, runState="Stopped")
        await asyncio.sleep(10)
        assert node.engine.calls["stop"] == 2, "one namespace had all places"
        merge = {"Content-Type": "application/merge-patch+json"}
        reply = await node.api.call("PATCH", theirs, {"spec": {"runState": "Stopped"}}, headers=merge)
        assert reply.code == 200, reply.body
        await asyncio.sleep(10)
        assert (await node.api.get(theirs)).body["status"]["phase"] == "stopped"
        told = (await node.get("a3"))["status"]
        assert told["observed"]["reason"] == "TooManyStops"
        assert told["message"].startswith("2 VPSes of namespace default are being stopped on this node")
        await node.delete("a3", gracePeriodSeconds=0)
        async with asyncio.timeout(30):
            await node.until_gone("a3")
