"""When the store went back in time nothing is changed on a node until a person says so."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.agent.data_dir import DataDir
from kohakuriver.agent.deciding.desired import Around
from kohakuriver.agent.deciding.memory import Starting
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.quarantine import Seen, Watchman, went_back
from kohakuriver.agent.runtime.base import ContainerState
from kohakuriver.resources import kinds
from kohakuriver.resources.vps import RunState
from tests.agent.agent_kit import Node, a_manifest
from tests.agent.builders import FIRST_RUN, a_container, a_vps, exited, judged, known
from tests.agent.placement_kit import lose
from tests.apiserver.api import Api, Reply, running_api
from tests.fakes.clock import LoopClock
from tests.fakes.engine import FakeEngine
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

MERGE = {"Content-Type": "application/merge-patch+json"}
WHY = Around(quarantine="n1 is in quarantine, where nothing is changed")


@pytest.mark.parametrize(
    ("seen", "history", "revision", "went"),
    [
        (Seen(), "h1", 5, False),  # an agent that starts for the first time
        (Seen("h1", 5), "h1", 5, False),
        (Seen("h1", 5), "h1", 9, False),
        (Seen("h1", 5), "", 1, False),  # a server that does not say
        (Seen("h1", 5), "h1", 4, True),
        (Seen("h1", 5), "h2", 10**12, True),
    ],
)
def test_a_lower_revision_or_another_history_is_a_restored_store(seen, history, revision, went):
    assert bool(went_back(seen, history=history, revision=revision, mark=seen.revision)) is went


async def test_a_list_that_was_asked_for_before_another_watch_went_on_is_not_older_than_it():
    watchman = Watchman(Seen("h1", 5), save=lambda seen: None, clock=LoopClock(), changed=lambda: None)
    mark = watchman.mark()
    watchman.reached(9)
    watchman.listed("h1", 7, mark=mark)
    assert watchman.quarantine is None
    assert watchman.seen.revision == 9


@pytest.mark.fault(39)
async def test_a_renewal_below_the_one_before_is_a_restored_store():
    watchman = Watchman(Seen("h1", 5), save=lambda seen: None, clock=LoopClock(), changed=lambda: None)
    watchman.renewed(9, mark=5)
    watchman.renewed(8, mark=5)  # asked for together with the other, and answered later
    assert watchman.quarantine is None
    watchman.renewed(7, mark=9)
    assert watchman.quarantine is not None
    assert watchman.seen.revision == 7


@pytest.mark.fault(39)
async def test_a_quarantine_outlives_the_agent_and_ends_by_its_own_id_alone(tmp_path: Path):
    disk = DataDir(tmp_path)
    journal = Journal(tmp_path, disk=disk)
    first = Watchman(Seen("h1", 5), save=journal.save_seen, clock=LoopClock(), changed=lambda: None)
    first.listed("h2", 3, mark=5)
    first.reached(7)
    first.note()
    await disk.flush(within=60)
    second = Watchman(journal.load_seen(), save=journal.save_seen, clock=LoopClock(), changed=lambda: None)
    assert second.quarantine == first.quarantine is not None
    second.accept("another")
    assert second.quarantine is not None
    second.accept(second.quarantine.id)
    await disk.flush(within=60)
    assert journal.load_seen() == Seen("h2", 7)


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    "observed", [None, a_container(), exited(), a_container(state=ContainerState.PAUSED)]
)
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"deleting": True},
        {"run_state": RunState.STOPPED},
        {"run_state": RunState.PAUSED},
        {"limits": None},
    ],
)
def test_in_quarantine_nothing_is_changed_whatever_is_declared(observed, change):
    vps = a_vps(around=WHY, **change)
    assert judged(vps, observed).actions == ()


def test_in_quarantine_what_runs_is_said_to_run_and_what_is_missing_to_be_missing():
    vps = a_vps(around=WHY)
    there, missing = judged(vps, a_container()), judged(vps, None)
    assert there.state == "running"
    assert (missing.state, missing.reason) == ("failed", "NodeQuarantined")
    assert missing.message == f"its container is not there, and {WHY.quarantine}"


def test_in_quarantine_too_what_may_yet_come_up_is_not_stopped():
    vps = a_vps(around=WHY, run_state=RunState.STOPPED)
    down = judged(vps, exited())
    coming = known(vps, exited(), starting=Starting("c1", FIRST_RUN))
    said = judged(vps, exited(), coming)
    assert down.state == "stopped"
    assert (said.state, said.reason) == ("failed", "NodeQuarantined")


@pytest.mark.fault(39)
@pytest.mark.parametrize("keeps_log", [False, True])
@pytest.mark.parametrize("survives", [False, True])
async def test_a_restored_store_leaves_what_lives_alone_and_a_person_has_it_adopted(
    tmp_path: Path, keeps_log: bool, survives: bool
):
    """`keeps_log`: nobody but the agent can tell; `survives`: it is the same agent process all along."""
    store = MemoryStore()
    async with running_api(store) as api:
        node = Node(api, FakeEngine(), tmp_path)
        await node.start_agent()
        await node.until_ready()
        await node.place(a_manifest("before"))
        await node.place(a_manifest("gone"))
        for name in ("before", "gone"):
            await node.until(name, phase="running")
        backup = store.backup()
        await node.delete("gone")
        await node.until_gone("gone")
        after = await node.place(a_manifest("after"))
        await node.until("after", phase="running")
        await asyncio.sleep(40)  # the agent notes now and then how far the store has come
        if not survives:
            await node.kill_agent()
        calls = dict(node.engine.calls)
        store.restore(backup, keeps_log=keeps_log)
        if not survives:
            await node.start_agent()
        first = await in_quarantine(api)
        assert first.body["status"]["history"] == first.headers[kinds.HISTORY_HEADER]
        await asyncio.sleep(40)

        status = (await api.get(kinds.NODE.path(name="n1"))).body["status"]
        (unknown,) = status["unknown"]
        assert (unknown["namespace"], unknown["vps"], unknown["epoch"]) == ("default", "after", 1)
        assert unknown["uid"] == after["metadata"]["uid"]
        assert "restored" in status["quarantine"]["why"] or "back in time" in status["quarantine"]["why"]
        for verb in ("create", "start", "stop", "remove", "kill", "update"):
            assert node.engine.calls.get(verb, 0) == calls.get(verb, 0), verb
        assert "kohakuriver node accept n1" in (await node.get("gone"))["status"]["message"]

        again = await api.create(kinds.VPS, a_manifest("after"))
        path = kinds.VPS.path(namespace="default", name="after")
        body = {"uid": again["metadata"]["uid"], "node": "n1"}
        refused = await api.call("POST", f"{path}/bind", body, user="controller")
        assert refused.code == 422
        assert "kohakuriver vps adopt after" in refused.body["message"]
        adopted = await api.call("POST", f"{path}/adopt", {**body, "container": unknown["container"]})
        assert adopted.code == 200, adopted.body
        assert adopted.body["metadata"]["uid"] == after["metadata"]["uid"]
        await node.until("after", phase="running")

        token = {"spec": {"accepts": status["quarantine"]["id"]}}
        assert (await api.call("PATCH", kinds.NODE.path(name="n1"), token, headers=MERGE)).code == 200
        await node.until("gone", phase="running")
        await asyncio.sleep(20)
        status = (await api.get(kinds.NODE.path(name="n1"))).body["status"]
        assert "quarantine" not in status and "unknown" not in status
        assert len(node.containers()) == 3
        assert node.engine.calls["create"] == calls["create"] + 1
        assert [one["message"] for one in await node.events("FilesystemLost")] != []
        await node.kill_agent()


async def in_quarantine(api: Api) -> Reply:
    """The Node as it first says that it is."""
    while True:
        answer = await api.get(kinds.NODE.path(name="n1"))
        if (answer.body.get("status") or {}).get("quarantine"):
            return answer
        await asyncio.sleep(0.01)


@pytest.mark.fault(39)
async def test_what_was_given_up_and_is_declared_by_a_restored_store_comes_back_once_it_is_accepted(
    tmp_path: Path,
):
    store = MemoryStore()
    async with running_api(store) as api:
        node = Node(api, FakeEngine(), tmp_path)
        await node.start_agent()
        await node.until_ready()
        await node.place(a_manifest())
        await node.until(phase="running")
        backup = store.backup()
        await node.kill_agent()
        await lose(node)
        await node.delete(gracePeriodSeconds=0)
        await node.start_agent()
        await asyncio.sleep(20)
        assert node.containers() == []
        store.restore(backup)
        await asyncio.sleep(40)
        status = (await api.get(kinds.NODE.path(name="n1"))).body["status"]
        token = {"spec": {"accepts": status["quarantine"]["id"]}}
        assert (await api.call("PATCH", kinds.NODE.path(name="n1"), token, headers=MERGE)).code == 200
        await asyncio.sleep(20)
        assert node.container().is_up
        await node.kill_agent()
