"""Tombstones, drains, ports, mounts, volumes, cores, GPUs: on a fake engine and the real API."""

import asyncio
import dataclasses
import hashlib
from pathlib import Path

import pytest

from kohakuriver.agent.runtime.base import ContainerState
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent_options import CredentialsFor
from kohakuriver.placement.mounts import AllowedMount
from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATHS, Json, Node, a_manifest, a_node
from tests.agent.placement_kit import a_sysfs, bookings, condition, drain, gpus, lose, status_of_node
from tests.fakes.switches import FakeImage, Program, Pull

pytestmark = pytest.mark.looptime


async def drained(node: Node) -> str:
    """What the Node says of its drain."""
    await asyncio.sleep(1)
    status = (await node.api.get(kinds.NODE.path(name=node.name))).body["status"]
    return next(str(one["status"]) for one in status["conditions"] if one["type"] == "Drained")


async def running(node: Node, name: str = "dev", **spec: object) -> Json:
    await node.place(a_manifest(name, **spec))
    return await node.until(name, phase="running")


@pytest.mark.fault(4, 7, 8)
async def test_a_namesake_of_a_forgotten_vps_is_untouched_and_the_old_container_goes_first(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        old = node.container()
        await node.kill_agent()
        await lose(node)
        await node.delete(gracePeriodSeconds=0)
        assert await node.find() is None
        assert all(booking["tombstone"] for booking in (await bookings(node)).values())
        made = await node.place(a_manifest())
        await node.start_agent()
        await node.until(phase="running")
        new = node.container()
        assert new.id != old.id and new.labels["kohakuriver.io/uid"] == made["metadata"]["uid"]
        assert list(await bookings(node)) == [made["metadata"]["uid"]]
        [said] = await node.events("RemovedStaleContainer")
        assert said["involvedObject"]["kind"] == "Node" and "removed stale container" in said["message"]
        [said] = await node.events("TombstoneEnded")
        assert said["involvedObject"]["uid"] == old.labels["kohakuriver.io/uid"]
        assert "no container is left of placement 1" in said["message"]


@pytest.mark.fault(4, 8)
@pytest.mark.parametrize("again", [False, True])
async def test_a_forced_delete_takes_the_volumes_along_that_were_not_to_be_kept(
    tmp_path: Path, again: bool
) -> None:
    volumes = [
        {"name": "cache", "target": "/cache", "reclaimPolicy": "Delete"},
        {"name": "home", "target": "/root"},
    ]
    async with a_node(tmp_path) as node:
        await running(node, volumes=volumes)
        await node.kill_agent()
        await lose(node)
        await node.delete(gracePeriodSeconds=0)
        if again:
            await node.place(a_manifest(volumes=volumes))
        await node.start_agent()
        await asyncio.sleep(20)
        there = {volume["name"] for volume in (await status_of_node(node))["volumes"]}
        assert there == ({"cache", "home"} if again else {"home"})


@pytest.mark.fault(4, 18)
async def test_nothing_starts_before_the_tombstones_are_tried_and_a_stuck_one_blocks_nobody(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await node.kill_agent()
        await lose(node)
        await node.delete(gracePeriodSeconds=0)
        node.engine.switches.refusals["remove"] = EngineRefused("device or resource busy")
        await node.place(a_manifest("other"))
        await node.start_agent()
        await node.until("other", phase="running")
        assert len(await bookings(node)) == 2
        node.engine.switches.refusals.clear()
        await asyncio.sleep(15)
        assert len(await bookings(node)) == 1
        assert len(node.containers()) == 1


@pytest.mark.fault(4, 8)
async def test_what_was_given_up_does_not_come_back_where_a_watch_lags_behind_its_end(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        vps = await running(node)
        await node.kill_agent()
        await lose(node)
        await node.delete(gracePeriodSeconds=0)
        await node.start_agent()
        await asyncio.sleep(20)
        assert await bookings(node) == {}
        assert node.agent is not None
        node.agent.watches.vpses.overlay(vps)  # as a watch has it that was cut off before the end
        await asyncio.sleep(10)
        assert node.containers() == []
        assert await node.events("FilesystemLost") == []


async def test_a_container_of_another_name_is_left_alone_with_its_tombstone(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await node.kill_agent()
        node.engine.rename(node.container().id, "mine")
        await lose(node)
        await node.delete(gracePeriodSeconds=0)
        await node.start_agent()
        await asyncio.sleep(30)
        assert node.container().name == "mine"
        assert len(await bookings(node)) == 1
        assert len(await node.events("StaleContainerLeft")) == 1


async def test_a_vps_that_a_person_gave_up_may_come_back_once_its_old_container_is_gone(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        vps = await running(node)
        old = node.container()
        await node.kill_agent()
        await lose(node)
        reply = await node.api.call("POST", f"{PATHS}/dev/forget", {"uid": vps["metadata"]["uid"]})
        assert reply.code == 200, reply.body
        await node.start_agent()
        await asyncio.sleep(15)
        assert node.containers() == [] and await bookings(node) == {}
        await node.bind(await node.get())
        await node.until(phase="running")
        assert node.container().id != old.id


@pytest.mark.fault(29)
async def test_a_drained_node_stops_its_vpses_and_starts_them_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        container = node.container()
        await drain(node, True)
        vps = await node.until(state="stopped", reason="NodeDrained")
        assert vps["spec"]["runState"] == "Running"
        assert node.container().state is ContainerState.EXITED
        assert await drained(node) == "True"
        await node.act("release")
        await asyncio.sleep(30)
        assert node.container().state is ContainerState.EXITED
        await drain(node, None)
        await node.act("regrant")
        await node.until(phase="running")
        assert node.container().id == container.id
        assert await drained(node) == "False"


async def test_a_node_is_not_drained_while_a_vps_takes_its_time_to_stop(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.programs["kohakuriver/busybox"] = Program(ends_after=25.0)
        await running(node, stopGracePeriod="30s")
        await drain(node, True)
        await asyncio.sleep(20)
        assert await drained(node) == "False"
        await node.until(state="stopped", reason="NodeDrained")
        assert await drained(node) == "True"


async def test_a_drained_node_does_not_start_what_had_ended_by_policy(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node, restartPolicy="Never")
        node.engine.end(node.container().id, exit_code=0)
        await node.until(state="stopped", reason="Completed")
        await drain(node, True)
        await asyncio.sleep(5)
        await drain(node, None)
        await asyncio.sleep(30)
        assert node.container().state is ContainerState.EXITED


@pytest.mark.fault(28)
async def test_a_port_that_a_stranger_holds_is_changed_for_another(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.switches.ports_of_strangers.update({30000: "nginx (pid 7)", 30001: "sshd (pid 8)"})
        await node.place(a_manifest(image="kohakuriver/debian-ssh", ssh={}))
        vps = await node.until(state="running")
        assert vps["status"]["assignment"]["grant"]["sshPort"] == 30002
        assert [port.host_port for port in node.container().ports] == [30002]
        said = await node.events("PortTaken")
        assert any("nginx (pid 7) has it" in event["message"] for event in said)
        assert node.engine.calls["create"] == 2  # it asked for one that none of them has


@pytest.mark.fault(28)
async def test_a_port_that_an_engine_has_left_taken_is_waited_for_and_kept(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        strangers = node.engine.switches.ports_of_strangers
        strangers[30000] = "docker-proxy (process 9)"
        await node.place(a_manifest(image="kohakuriver/debian-ssh", ssh={}))
        await asyncio.sleep(5)
        assert "docker-proxy (process 9) has it" in (await node.get())["status"]["message"]
        del strangers[30000]
        vps = await node.until(state="running")
        assert vps["status"]["assignment"]["grant"]["sshPort"] == 30000
        assert await node.events("PortTaken") == []


@pytest.mark.fault(28)
async def test_a_port_that_an_engine_never_gives_back_is_changed_in_the_end(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.switches.ports_of_strangers[30000] = "docker-proxy (process 9)"
        await node.place(a_manifest(image="kohakuriver/debian-ssh", ssh={}))
        vps = await node.until(state="running")
        assert vps["status"]["assignment"]["grant"]["sshPort"] == 30001


@pytest.mark.fault(28)
async def test_a_container_with_files_in_it_keeps_them_under_another_port(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node, image="kohakuriver/debian-ssh", ssh={})
        before = node.container()
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        node.engine.switches.ports_of_strangers[30000] = "nginx (pid 7)"
        await node.change(runState="Running")
        vps = await node.until(phase="running")
        assert vps["status"]["assignment"]["grant"]["sshPort"] == 30001
        after = node.container()
        assert after.id != before.id and "commit-" in after.image


def allowing(folder: Path, *, read_only: bool = False) -> dict[str, object]:
    folder.mkdir(exist_ok=True)
    return {"allow_mounts": (AllowedMount(str(folder), read_only),)}


async def test_a_mount_is_staged_for_each_start_and_only_for_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_node(tmp_path / "agent", **allowing(data)) as node:
        (data / "set").mkdir()
        mounts = [{"source": str(data / "set"), "target": "/data", "readOnly": True}]
        await running(node, mounts=mounts)
        (bind,) = node.engine.records()[0].spec.binds
        assert (bind.target, bind.read_only) == ("/data", True)
        assert node.mounter.seen == {bind.source: str(data / "set")}
        assert node.mounter.bound == {}
        assert (await status_of_node(node))["allowMounts"] == [{"prefix": str(data), "readOnly": False}]


async def test_a_mount_that_is_not_there_or_leads_out_is_refused_in_words(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_node(tmp_path / "agent", **allowing(data)) as node:
        (data / "out").symlink_to("/etc")
        for name, source, why in (
            ("one", data / "nothing", "does not exist on n1"),
            ("two", data / "out", "a symbolic link on the way"),
        ):
            await node.place(a_manifest(name, mounts=[{"source": str(source), "target": "/data"}]))
            vps = await node.until(name, reason="MountRefused")
            assert why in vps["status"]["message"]
        assert node.containers() == []
        (data / "nothing").mkdir()
        await node.until("one", phase="running")


async def test_what_a_node_no_longer_allows_is_rejected_before_it_is_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_node(tmp_path / "agent", **allowing(data)) as node:
        await node.kill_agent()
        await node.place(a_manifest(mounts=[{"source": str(data), "target": "/data"}]))
        await node.start_agent()
        await asyncio.sleep(5)
        status = (await node.get())["status"]
        assert "assignment" not in status and node.containers() == []
        assert "--allow-mount" in status["rejectedBy"]["n1"]
        assert await bookings(node) == {}


async def test_a_volume_outlives_its_vps_only_where_it_is_to_be_kept(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        volumes = [
            {"name": "home", "target": "/root"},
            {"name": "cache", "target": "/var/cache", "reclaimPolicy": "Delete"},
        ]
        await running(node, volumes=volumes)
        names = {volume.name for volume in node.engine.records()[0].spec.volumes}
        assert {name.rpartition("_")[2] for name in names} == {"home", "cache"}
        await node.delete()
        await node.until_gone()
        await asyncio.sleep(30)
        kept = {"namespace": "default", "vps": "dev", "name": "home"}
        assert (await status_of_node(node))["volumes"] == [kept]
        await running(node, volumes=volumes)
        assert {volume.name for volume in node.engine.records()[0].spec.volumes} == names


@pytest.mark.fault(27)
async def test_shares_leave_exclusive_cores_before_these_are_used_and_come_back_after(
    tmp_path: Path,
) -> None:
    sysfs = a_sysfs(tmp_path / "sys", "0-1", "2-3")
    async with a_node(tmp_path / "agent", sysfs=sysfs, millicores=4000) as node:
        assert [one["cpuset"] for one in (await status_of_node(node))["numa"]] == ["0-1", "2-3"]
        await running(node, "share")
        node.engine.switches.delays["update"] = 3.0
        await node.place(a_manifest("alone", resources={"cores": 2, "memory": "1Gi", "exclusive": True}))
        for _ in range(20):
            await asyncio.sleep(0.1)
            up = [one for one in node.containers() if one.is_up]
            assert [one.labels["kohakuriver.io/name"] for one in up] == ["share"]
        vps = await node.until("alone", phase="running")
        mine = vps["status"]["assignment"]["grant"]["cpuset"]
        assert vps["status"]["observed"]["grant"]["cpuset"] == mine
        seen = {one.labels["kohakuriver.io/name"]: one.limits for one in node.containers()}
        assert seen["alone"] is not None and seen["alone"].cpuset == mine
        assert seen["share"] is not None and {seen["share"].cpuset, mine} == {"0-1", "2-3"}
        assert "cpuset" not in (await node.get("share"))["status"]["observed"]["grant"]
        await node.delete("alone")
        await node.until_gone("alone")
        await asyncio.sleep(10)
        limits = node.container().limits
        assert limits is not None and limits.cpuset == "0-3"


@pytest.mark.fault(27)
async def test_exclusive_cores_wait_until_a_share_that_was_given_up_has_left_them(tmp_path: Path) -> None:
    sysfs = a_sysfs(tmp_path / "sys", "0-1", "2-3")
    settings = {"sysfs": sysfs, "millicores": 4000}
    async with a_node(tmp_path / "agent", **settings) as node:
        await running(node, "share")
        await node.kill_agent()
        await lose(node, "share")
        await node.delete("share", gracePeriodSeconds=0)
        node.engine.switches.refusals["remove"] = EngineRefused("device or resource busy")
        await node.place(a_manifest("alone", resources={"cores": 2, "memory": "1Gi", "exclusive": True}))
        await node.start_agent(**settings)
        await asyncio.sleep(20)
        (up,) = (one.labels["kohakuriver.io/name"] for one in node.containers() if one.is_up)
        assert up == "share"
        said = (await node.get("alone"))["status"]["message"]
        assert "waiting until default/share has left cores" in said
        node.engine.switches.refusals.clear()
        await node.until("alone", phase="running")
        assert len(node.containers()) == 1


async def test_a_share_that_is_pinned_runs_on_its_numa_node(tmp_path: Path) -> None:
    sysfs = a_sysfs(tmp_path / "sys", "0-1", "2-3")
    async with a_node(tmp_path / "agent", sysfs=sysfs, millicores=4000) as node:
        await running(node, placement={"numa": 1})
        limits = node.container().limits
        assert limits is not None and limits.cpuset == "2-3"


@pytest.mark.fault(24, 25)
async def test_a_gpu_that_disappears_shows_and_is_nobody_elses(tmp_path: Path) -> None:
    file = gpus(tmp_path / "gpus.json", "GPU-a", "GPU-b")
    async with a_node(tmp_path / "agent", gpu_inventory=file) as node:
        assert [one["uuid"] for one in (await status_of_node(node))["gpus"]] == ["GPU-a", "GPU-b"]
        reply = await node.api.get(kinds.NODE.path(name="n1"))
        assert reply.body["metadata"]["labels"]["node.kohakuriver.io/simulated-gpus"] == "true"
        vps = await running(node, placement={"gpus": {"count": 1}})
        assert vps["status"]["observed"]["grant"]["gpus"] == ["GPU-a"]
        assert condition(vps, "GPUHealthy")["status"] == "True"
        assert node.engine.records()[0].spec.gpus == ()
        await node.kill_agent()
        before = node.container()
        await node.start_agent(gpu_inventory=file)
        await asyncio.sleep(15)
        assert node.container() == before
        gpus(file, "GPU-b")
        await asyncio.sleep(15)
        sick = condition(await node.get(), "GPUHealthy")
        assert sick["status"] == "False" and "GPU-a is gone from n1" in sick["message"]
        assert [one["uuid"] for one in (await status_of_node(node))["gpus"]] == ["GPU-b"]
        assert node.container().state is ContainerState.RUNNING


async def an_environment(node: Node, **spec: object) -> None:
    await node.api.create(kinds.ENVIRONMENT, {"metadata": {"name": "mine"}, "spec": spec})


async def test_an_environment_s_tarball_is_loaded_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.tar"
    file.write_bytes(b"an image")
    digest = hashlib.sha256(b"an image").hexdigest()
    async with a_node(tmp_path / "agent") as node:
        await an_environment(node, tarball=str(file), digest=f"sha256:{digest}")
        await running(node, environment="mine", image=None)
        await running(node, "two", environment="mine", image=None)
        assert {one.image for one in node.containers()} == {f"kohakuriver/environment-mine:{digest[:12]}"}
        assert node.engine.calls["load"] == 1
        assert list((tmp_path / "agent/tarballs").iterdir()) == []


async def test_a_tarball_that_is_not_what_was_named_is_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "mine.tar"
    file.write_bytes(b"something else")
    async with a_node(tmp_path / "agent") as node:
        await an_environment(node, tarball=str(file), digest=f"sha256:{'0' * 64}")
        await node.place(a_manifest(environment="mine", image=None))
        vps = await node.until(reason="ImagePullFailed")
        assert "is not what the Environment names" in vps["status"]["message"]
        assert node.engine.calls["load"] == 0


async def test_an_environment_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(environment="mine", image=None))
        await node.until(reason="EnvironmentMissing")
        await an_environment(node, image="kohakuriver/busybox")
        await node.until(phase="running")
        assert node.container().image == "kohakuriver/busybox"


async def test_a_private_image_is_had_where_an_environment_names_it(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        named = "docker.io/team/private:latest"
        for image in (named, "team/private", "team/other"):
            node.engine.registry[image] = Pull(FakeImage("sha256:private"), private=True)
        await an_environment(node, image=named)
        await running(node, environment="mine", image=None)
        await running(node, "by-name", image="team/private")
        await node.place(a_manifest("refused", image="team/other"))
        vps = await node.until(reason="ImagePullFailed", name="refused")
        assert "for images of Environments alone" in vps["status"]["message"]


async def test_a_node_may_lend_its_credentials_to_everybody(tmp_path: Path) -> None:
    async with a_node(tmp_path, registry_credentials_for=CredentialsFor.ALL) as node:
        node.engine.registry["team/other"] = Pull(FakeImage("sha256:private"), private=True)
        await running(node, image="team/other")


async def test_what_was_made_from_an_environment_starts_again_without_it(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await an_environment(node, image="kohakuriver/busybox")
        vps = await running(node, environment="mine", image=None)
        await node.api.call("DELETE", kinds.ENVIRONMENT.path(name="mine"))
        await asyncio.sleep(1)
        await node.change(restartRequest="r1")
        again = await node.until(phase="running", restartRequest="r1")
        assert again["status"]["observed"]["container"]["id"] == vps["status"]["observed"]["container"]["id"]


async def test_a_privileged_vps_runs_where_the_node_allows_it(tmp_path: Path) -> None:
    async with a_node(tmp_path, allow_privileged=True) as node:
        assert (await status_of_node(node))["allowPrivileged"] is True
        await running(node, privileged=True)
        assert node.engine.records()[0].spec.privileged


async def test_a_start_that_is_late_still_finds_what_it_mounts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_node(tmp_path / "agent", **allowing(data)) as node:
        node.engine.switches.late["start"] = 2.0
        await node.place(a_manifest(mounts=[{"source": str(data), "target": "/data"}]))
        await asyncio.sleep(0.5)
        assert list(node.mounter.bound.values()) == [str(data)]
        await node.until(phase="running")


@pytest.mark.fault(27)
async def test_a_running_share_becomes_exclusive_and_a_share_again(tmp_path: Path) -> None:
    sysfs = a_sysfs(tmp_path / "sys", "0-3")
    async with a_node(tmp_path / "agent", sysfs=sysfs, millicores=4000) as node:
        await running(node, "other")
        await running(node, resources={"cores": 2, "memory": "1Gi"})
        await node.change(resources={"exclusive": True})
        await asyncio.sleep(15)
        cores = {one.labels["kohakuriver.io/name"]: one.limits for one in node.containers()}
        assert cores["dev"] is not None and cores["other"] is not None
        assert {cores["dev"].cpuset, cores["other"].cpuset} == {"0-1", "2-3"}
        await node.change(resources={"exclusive": False})
        await asyncio.sleep(15)
        limits = {one.limits.cpuset for one in node.containers() if one.limits is not None}
        assert limits == {"0-3"}
        assert not any(booking.get("cpuset") for booking in (await bookings(node)).values())


@pytest.mark.fault(27)
async def test_the_cores_of_a_full_machine_become_a_share_without_touching_those_of_others(
    tmp_path: Path,
) -> None:
    sysfs = a_sysfs(tmp_path / "sys", "0-3")
    alone = {"resources": {"cores": 2, "memory": "1Gi", "exclusive": True}}
    async with a_node(tmp_path / "agent", sysfs=sysfs, millicores=4000) as node:
        await running(node, "other", **alone)
        await running(node, **alone)
        cores = {one.labels["kohakuriver.io/name"]: one.limits for one in node.containers()}
        await node.change(resources={"cores": 1, "exclusive": False})
        await asyncio.sleep(15)
        after = {one.labels["kohakuriver.io/name"]: one.limits for one in node.containers()}
        assert cores["dev"] is not None and after["dev"] is not None
        assert after["other"] == cores["other"]
        assert after["dev"].cpuset == cores["dev"].cpuset, "what nobody else holds alone"
        held = sorted(booking.get("cpuset") or "" for booking in (await bookings(node)).values())
        assert held[0] == "", "its own cores are free for others to share"


@pytest.mark.fault(23)
async def test_another_choice_of_gpus_takes_effect_at_the_next_restart(tmp_path: Path) -> None:
    file = gpus(tmp_path / "gpus.json", "GPU-a", "GPU-b")
    async with a_node(tmp_path / "agent", gpu_inventory=file) as node:
        await running(node, placement={"gpus": {"count": 2}})
        await node.change(placement={"gpus": {"count": 1}})
        await asyncio.sleep(5)
        vps = await node.get()
        assert condition(vps, "RestartRequired")["status"] == "True"
        assert vps["status"]["observed"]["grant"]["gpus"] == ["GPU-a", "GPU-b"]
        assert [booking["gpus"] for booking in (await bookings(node)).values()] == [["GPU-a", "GPU-b"]]
        await node.change(restartRequest="r1")
        vps = await node.until(phase="running", restartRequest="r1")
        assert vps["status"]["observed"]["grant"]["gpus"] == ["GPU-a"]
        await asyncio.sleep(5)
        assert [booking["gpus"] for booking in (await bookings(node)).values()] == [["GPU-a"]]


async def test_a_container_of_before_gets_the_weight_of_its_cores_and_runs_on(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        before = node.container()
        await node.kill_agent()
        assert before.limits is not None
        node.engine.update(before.id, dataclasses.replace(before.limits, is_weighed=False))
        await node.start_agent()
        await asyncio.sleep(15)
        after = node.container()
        assert (after.id, after.started_at) == (before.id, before.started_at)
        assert after.limits is not None and after.limits.is_weighed
        updates, version = node.engine.calls["update"], (await node.get())["metadata"]["resourceVersion"]
        await asyncio.sleep(60)
        assert node.engine.calls["update"] == updates
        assert (await node.get())["metadata"]["resourceVersion"] == version
