"""What is granted is given to others only when nothing of the former holder runs or may yet run: on a fake
engine and the real API. The server's part is in tests/apiserver/test_grant_identity.py."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.resources import kinds
from tests.agent.agent_kit import CLUSTER, PATHS, Json, Node, a_manifest, a_node
from tests.agent.placement_kit import MERGE, condition, drain, gpus, lose, status_of_node
from tests.apiserver.api import Api
from tests.fakes.runtime import FakeRuntime
from tests.fakes.switches import Program

pytestmark = pytest.mark.looptime


class Witness(FakeRuntime):
    """Notes what the API says of `dev` whenever the engine is asked to start something."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.engine, cluster=CLUSTER)
        self._api: Api = node.api
        self.said: list[str | None] = []

    async def start(self, container_id: str) -> None:
        status = (await self._api.get(f"{PATHS}/dev")).body["status"]
        observed, assignment = status.get("observed") or {}, status["assignment"]
        is_present = observed.get("grantId") == assignment["grantId"]
        self.said.append(observed.get("state") if is_present else None)
        await super().start(container_id)


async def stopped(node: Node, name: str = "dev") -> Json:
    await node.change(name, runState="Stopped")
    return await node.until(name, state="stopped")


async def running(node: Node) -> None:
    await node.place(a_manifest())
    await node.until(phase="running")


async def released(node: Node) -> None:
    await stopped(node)
    await node.act("release")


async def started_again(node: Node) -> None:
    await node.change(runState="Running")
    await node.act("regrant")


async def try_release(node: Node, name: str = "dev") -> int:
    """What the controller asks as soon as it is declared stopped; the answer's code."""
    vps = await node.get(name)
    body = {"uid": vps["metadata"]["uid"], "epoch": vps["status"]["epoch"]}
    return (await node.api.call("POST", f"{PATHS}/{name}/release", body, user="controller")).code


@pytest.mark.fault(23, 58)
async def test_a_stop_within_the_seconds_of_a_start_frees_nothing_while_it_runs(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.programs["kohakuriver/busybox"] = Program(ends_after=8.0)
        await running(node)
        await released(node)
        node.engine.switches.delays["start"] = 0.5
        await started_again(node)
        await asyncio.sleep(0.2)
        await node.change(runState="Stopped")
        answers = []
        while not answers or answers[-1] != 200:
            answers.append(await try_release(node))
            assert answers[-1] in (200, 409)
            assert answers[-1] != 200 or not node.container().is_up, "its GPUs are another's, and it runs"
            await asyncio.sleep(0.1)
        assert len(answers) > 10


@pytest.mark.fault(58)
@pytest.mark.parametrize("by", ["stop", "drain"])
async def test_nothing_starts_while_the_api_holds_that_it_is_stopped(tmp_path: Path, by: str) -> None:
    """The grant is the same all the time: nobody was quick enough to release it."""
    async with a_node(tmp_path) as node:
        await running(node)
        await node.kill_agent()
        node.runtime = runtime = Witness(node)
        await node.start_agent()
        await node.until_ready()
        await asyncio.sleep(3)
        if by == "stop":
            await stopped(node)
            await node.change(runState="Running")
        else:
            await drain(node, True)
            await node.until(state="stopped")
            await drain(node, None)
        await node.until(phase="running")
        assert runtime.said and "stopped" not in runtime.said


@pytest.mark.fault(58)
async def test_a_start_after_a_release_costs_no_write_more(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await released(node)
        await asyncio.sleep(5)
        assert node.agent is not None
        await node.change(runState="Running")
        await asyncio.sleep(5)  # until it has said that it has seen this
        written = node.agent.reporter.written
        await node.act("regrant")
        await node.until(phase="running")
        await asyncio.sleep(5)
        assert node.agent.reporter.written == written + 1


@pytest.mark.fault(58)
async def test_what_an_earlier_agent_may_have_said_starts_nothing(tmp_path: Path) -> None:
    """It was killed when it had reported the stop, and what it had sent may be on its way yet."""
    async with a_node(tmp_path) as node:
        await running(node)
        await stopped(node)
        await node.kill_agent()
        await node.change(runState="Running")
        node.runtime = runtime = Witness(node)
        await node.start_agent()
        vps = await node.until(phase="running")
        assert runtime.said == ["creating"]
        late = {"epoch": 1, "grantId": vps["status"]["assignment"]["grantId"], "state": "stopped"}
        late |= {"session": "the one before", "sequence": 3}
        body = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": {"observed": late}}
        reply = await node.api.call(
            "PATCH", f"{PATHS}/dev/status", body, user="n1", headers=MERGE | node.session
        )
        assert reply.code == 409 and "stale report" in reply.body["message"]


@pytest.mark.fault(64)
async def test_a_start_without_an_answer_is_no_stop(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await released(node)
        await asyncio.sleep(3)
        node.engine.switches.late["start"] = 30.0
        await started_again(node)
        await asyncio.sleep(0.5)  # the engine has given no answer, and will do it in half a minute
        await node.change(runState="Stopped")
        await _released_and_down(node)


@pytest.mark.fault(64)
async def test_an_agent_that_is_new_settles_what_the_one_before_has_begun(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await released(node)
        node.engine.switches.late["start"] = 30.0
        await started_again(node)
        await asyncio.sleep(0.3)
        await node.kill_agent()
        await node.change(runState="Stopped")
        await node.start_agent()
        await _released_and_down(node)


@pytest.mark.fault(64)
@pytest.mark.parametrize("spec", [{"runState": "Paused"}, {"restartPolicy": "Never", "command": ["work"]}])
async def test_what_stays_as_it_ended_is_settled_by_a_new_agent_too(tmp_path: Path, spec: Json) -> None:
    """It is not declared stopped, but is left down: its memory was lost, or its policy says so."""
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(**spec))
        await asyncio.sleep(3)
        await node.kill_agent()
        node.engine.end(node.container().name, exit_code=1)
        await node.start_agent()
        await node.until(state="stopped")


@pytest.mark.fault(63)
async def test_a_stop_does_not_wait_behind_a_start_that_hangs(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await stopped(node)
        node.engine.switches.delays["start"] = 60.0
        stops = node.engine.calls["stop"]
        await node.change(runState="Running")
        vps = await node.until(reason="EngineSlow")
        assert "the engine is starting container" in str(vps["status"])
        await node.change(runState="Stopped")
        await asyncio.sleep(1)
        assert node.engine.calls["stop"] == stops, "the engine takes turns: it has not come to it"
        ran = 0.0
        while (await node.get())["status"]["phase"] != "stopped":
            await asyncio.sleep(0.1)
            ran += 0.1 if node.container().is_up else 0.0
        assert ran < 1.0, "it ran against its declaration"


class Queued(FakeRuntime):
    """Its starts wait for a while before the engine hears of them; its stops do not."""

    async def start(self, container_id: str) -> None:
        await asyncio.sleep(8)
        await super().start(container_id)


@pytest.mark.fault(63, 64)
async def test_a_stop_that_overtakes_a_start_on_its_way_to_the_engine_is_no_proof(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await running(node)
        await released(node)
        await node.kill_agent()
        node.runtime = Queued(node.engine, cluster=CLUSTER)
        await node.start_agent()
        await node.until_ready()
        await asyncio.sleep(3)
        node.engine.switches.late["start"] = 30.0
        await started_again(node)
        await asyncio.sleep(5)
        await node.change(runState="Stopped")
        await _released_and_down(node)


@pytest.mark.fault(63)
@pytest.mark.parametrize("lost", [0, 1])
async def test_who_changes_his_mind_twice_while_a_start_hangs_has_it_running(
    tmp_path: Path, lost: int
) -> None:
    """The stop in between ends the run, which is nothing that a restart policy has to do with."""
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(restartPolicy="Never", command=["work"]))
        await node.until(phase="running")
        await stopped(node)
        node.engine.switches.delays["start"] = 20.0
        node.engine.switches.lost_replies["stop"] = lost
        await node.change(runState="Running")
        await asyncio.sleep(3)
        await node.change(runState="Stopped")
        await asyncio.sleep(3)
        await node.change(runState="Running")
        await asyncio.sleep(100)
        assert (await node.get())["status"]["phase"] == "running"


@pytest.mark.fault(63, 64)
async def test_a_run_that_comes_up_where_it_has_to_wait_is_ended_and_starts_in_its_turn(
    tmp_path: Path,
) -> None:
    """Its restart policy has nothing to say about that end."""
    async with a_node(tmp_path, gpu_inventory=gpus(tmp_path / "gpus.json", "GPU-a")) as node:
        await node.place(
            a_manifest(restartPolicy="Never", command=["work"], placement={"gpus": {"count": 1}})
        )
        await node.until(phase="running")
        await stopped(node)
        node.engine.switches.late["start"] = 20.0
        await node.change(runState="Running")
        await asyncio.sleep(3)
        await node.kill_agent()
        await node.start_agent(gpu_inventory=gpus(tmp_path / "others.json", "GPU-b"))
        await node.until(reason="GPUMissing")
        await asyncio.sleep(30)
        assert not node.container().is_up
        await node.kill_agent()
        await node.start_agent(gpu_inventory=gpus(tmp_path / "gpus.json", "GPU-a"))
        await node.until(phase="running")


@pytest.mark.fault(24)
async def test_a_vps_waits_where_nobody_can_tell_which_gpus_there_are(tmp_path: Path) -> None:
    file = gpus(tmp_path / "gpus.json", "GPU-a")
    async with a_node(tmp_path / "agent", gpu_inventory=file) as node:
        await node.place(a_manifest(placement={"gpus": {"count": 1}}))
        await node.until(phase="running")
        await stopped(node)
        await node.kill_agent()
        gpus(file)
        await node.start_agent(gpu_inventory=file)
        file.write_text("no list")
        await asyncio.sleep(15)
        await node.change(runState="Running")
        vps = await node.until(reason="GPUUnknown")
        assert "whether n1 has GPU GPU-a cannot be told" in vps["status"]["observed"]["message"]
        assert condition(vps, "GPUHealthy")["status"] == "Unknown"
        assert vps["status"]["observed"]["state"] != "failed"
        gpus(file, "GPU-a")
        vps = await node.until(phase="running")
        assert condition(vps, "GPUHealthy")["status"] == "True"


@pytest.mark.fault(24)
async def test_no_container_is_made_where_nobody_can_tell_which_gpus_there_are(tmp_path: Path) -> None:
    """It would be made without them, and be started so once they are there again."""
    file = gpus(tmp_path / "gpus.json", "GPU-a")
    async with a_node(tmp_path / "agent", gpu_inventory=file) as node:
        await node.place(a_manifest(placement={"gpus": {"count": 1}}))
        await node.until(phase="running")
        await stopped(node)
        await node.kill_agent()
        await FakeRuntime(node.engine, cluster=CLUSTER).remove(node.container().id, force=True)
        gpus(file)
        await node.start_agent(gpu_inventory=file)
        file.write_text("no list")
        await asyncio.sleep(15)
        await node.change(runState="Running")
        vps = await node.until(reason="GPUUnknown")
        assert vps["status"]["observed"]["state"] == "creating"
        await asyncio.sleep(15)
        assert not node.containers()
        gpus(file, "GPU-a")
        await node.until(phase="running")


@pytest.mark.fault(64)
async def test_a_new_agent_lets_a_start_come_through_that_is_wanted(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(restartPolicy="Never", command=["work"]))
        await node.until(phase="running")
        await stopped(node)
        node.engine.switches.late["start"] = 10.0
        await node.change(runState="Running")
        await asyncio.sleep(3)
        await node.kill_agent()
        stops = node.engine.calls["stop"]
        await node.start_agent()
        await node.until(phase="running")
        assert node.engine.calls["stop"] == stops


@pytest.mark.fault(23, 58)
async def test_nothing_starts_on_a_gpu_that_another_container_has(tmp_path: Path) -> None:
    """The store was told wrongly that the first is gone: the node is the last guard."""
    file = gpus(tmp_path / "gpus.json", "GPU-a")
    async with a_node(tmp_path / "data", gpu_inventory=file) as node:
        first = await node.place(a_manifest("old", placement={"gpus": {"count": 1}}))
        await node.until("old", phase="running")
        old = node.container()
        await node.kill_agent()
        await lose(node, "old")
        await node.delete("old", gracePeriodSeconds=0)
        confirmed = {"uid": first["metadata"]["uid"], "epoch": 1}
        path = f"{kinds.NODE_ALLOCATION.path(name='n1')}/confirm"
        assert (await node.api.call("POST", path, confirmed, user="n1", headers=node.session)).code == 200
        await node.place(a_manifest("new", placement={"gpus": {"count": 1}}))
        await node.start_agent(gpu_inventory=file)
        waiting = await node.until("new", reason="WaitingForGPU")
        assert waiting["status"]["message"] == f"waiting until container {old.name} has left GPU GPU-a"
        node.engine.end(old.name, exit_code=0)
        await node.until("new", phase="running")


@pytest.mark.fault(58, 63)
async def test_two_that_are_given_each_other_s_gpu_start_under_a_new_agent(tmp_path: Path) -> None:
    """It cannot know that no start of the agent before is on its way, and asks the engine."""
    file = gpus(tmp_path / "gpus.json", "GPU-a", "GPU-b")
    async with a_node(tmp_path / "data", gpu_inventory=file) as node:
        for name in ("one", "two"):
            await node.place(a_manifest(name, placement={"gpus": {"count": 1}}))
            await node.until(name, phase="running")
        for name in ("one", "two"):
            await stopped(node, name)
            await node.act("release", name)
        await node.kill_agent()
        for name in ("two", "one"):
            await node.change(name, runState="Running")
            await node.act("regrant", name)
        await node.start_agent(gpu_inventory=file)
        await node.until("one", phase="running")
        await node.until("two", phase="running")


@pytest.mark.fault(62)
async def test_nothing_is_offered_before_the_engine_was_listed(tmp_path: Path) -> None:
    """A machine given up for good joins again, with its containers, and its engine is slow."""
    async with a_node(tmp_path) as node:
        await running(node)
        await node.kill_agent()
        path = kinds.NODE.path(name="n1")
        silent = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
        await node.api.call("PATCH", f"{path}/status", silent, user="admin", headers=MERGE)
        reply = await node.api.call("POST", f"{path}/forget", {"destroyed": True})
        assert reply.code == 200, reply.body
        await _join_again(node)
        node.engine.switches.delays["images"] = 5.0
        await node.start_agent()
        offered = False
        for _ in range(100):
            reply = await node.api.get(path)
            status = (reply.body.get("status") or {}) if reply.code == 200 else {}
            assert "unknown" in status or "allocatable" not in status
            offered = offered or "allocatable" in status
            await asyncio.sleep(0.1)
        assert offered and len((await status_of_node(node))["unknown"]) == 1


async def _join_again(node: Node) -> None:
    """The machine gets another credential: the one it had is worth nothing any more."""
    node.secret = "another"
    spec = {"sha256": fingerprint(node.secret), "role": "node", "node": "n1"}
    await node.api.create(kinds.TOKEN, {"metadata": {"name": "node-n1"}, "spec": spec})


async def _released_and_down(node: Node) -> None:
    """It is released at some time, and from then on down, for longer than a start may be on its way."""
    code = 409
    for _ in range(250):
        if (code := await try_release(node)) == 200:
            break
        await asyncio.sleep(0.2)
    assert code == 200
    for _ in range(300):
        assert not node.container().is_up, "somebody else has its GPUs by now"
        await asyncio.sleep(0.2)
