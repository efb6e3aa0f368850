"""What goes over the wire of a status, and when."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kohakuriver.agent.report import PASSING, Reporter, Status, difference, patch_of
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATHS, a_manifest
from tests.apiserver.api import Api, running_api
from tests.fakes.clock import LoopClock

KEY = ObjectKey("default", "dev")
BOUND = {"apiVersion": kinds.NODE.api_version, "kind": "Node", "metadata": {"name": "n1"}}


def a_status(**observed: Any) -> Status:
    return Status("u1", 1, {"epoch": 1, "session": "s", "state": "running", **observed}, [])


def held(**observed: Any) -> dict[str, Any]:
    status = {"observed": a_status(**observed).observed, "observedGeneration": 1}
    return {"metadata": {"uid": "u1"}, "status": status}


def test_what_the_api_holds_is_not_written_again() -> None:
    assert patch_of(held(), a_status()) is None


def test_a_field_that_is_no_more_is_taken_away_with_null() -> None:
    patch = patch_of(
        held(reason="Pulling", container={"id": "1", "exitCode": 3}), a_status(container={"id": "1"})
    )
    assert patch is not None
    assert patch["status"]["observed"] == {"epoch": 1, "reason": None, "container": {"exitCode": None}}


def test_a_patch_names_the_object_and_the_placement_it_is_about() -> None:
    patch = patch_of(held(), a_status(state="paused"))
    assert patch == {
        "metadata": {"uid": "u1"},
        "status": {"observed": {"epoch": 1, "state": "paused"}},
    }


def test_an_answer_that_was_asked_for_is_sent_whole_though_nothing_changed() -> None:
    patch = patch_of(held(), a_status(), forced=True)
    assert patch is not None and patch["status"]["observed"] == a_status().observed


def test_a_condition_is_written_when_it_says_something_else() -> None:
    condition = {"type": "SSHReady", "status": "True", "reason": "HandshakeSucceeded", "message": ""}
    status = Status("u1", 1, a_status().observed, [condition])
    old = held()
    old["status"]["conditions"] = [{**condition, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    assert patch_of(old, status) is None
    old["status"]["conditions"][0]["status"] = "False"
    patch = patch_of(old, status)
    assert patch is not None and patch["status"]["conditions"] == [condition]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"a": 1}),
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 3}}),
        ({"a": {"b": 1}}, {"a": 2}),
        ({"a": 2}, {"a": {"b": 1}}),
    ],
)
def test_a_difference_applied_gives_what_was_wanted(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert _merged(before, difference(before, after)) == after


def _merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    result = dict(target)
    for field, value in patch.items():
        if value is None:
            result.pop(field, None)
        elif isinstance(value, dict):
            inner = result.get(field)
            result[field] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            result[field] = value
    return result


class Desk:
    """A reporter at work on one bound VPS."""

    def __init__(self, api: Api, client: Client) -> None:
        self.api = api
        self.vpses = Informer(client, kinds.VPS, clock=LoopClock())
        chance = random.Random(1)  # noqa: S311 - jitter, the same in every run
        self.reporter = Reporter(client, self.vpses, clock=LoopClock(), chance=chance)
        self.uid = ""

    async def open(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        await self.api.create(kinds.NODE, BOUND)
        amount = {"cores": "8", "memory": "8Gi"}
        headers = {"Content-Type": "application/merge-patch+json"}
        ready = {"status": {"allocatable": amount, "conditions": [{"type": "Ready", "status": "True"}]}}
        path = kinds.NODE.path(name="n1", subresource="status")
        reply = await self.api.call("PATCH", path, ready, user="n1", headers=headers)
        assert reply.code == 200, reply.body
        made = await self.api.create(kinds.VPS, a_manifest())
        self.uid = made["metadata"]["uid"]
        body = {"uid": self.uid, "node": "n1"}
        await self.api.call("POST", f"{PATHS}/dev/bind", body, user="controller")
        running = [tasks.create_task(self.vpses.run()), tasks.create_task(self.reporter.run())]
        await self.vpses.wait_synced()
        return running

    def say(self, state: str, *, passing: bool = False, **observed: Any) -> None:
        seen = {"epoch": 1, "session": "s", "state": state, **observed}
        self.reporter.put(KEY, Status(self.uid, 1, seen, []), passing=passing)

    async def said(self) -> dict[str, Any]:
        reply = await self.api.get(f"{PATHS}/dev")
        return dict(reply.body["status"].get("observed") or {})


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with running_api() as api:
        connection = Connection(server=api.url, token=api.token("n1"))
        async with Client(connection, program="agent") as client, asyncio.TaskGroup() as tasks:
            made = Desk(api, client)
            running = await made.open(tasks)
            yield made
            for task in running:
                task.cancel()


@pytest.mark.looptime
async def test_a_state_on_the_way_is_written_only_if_it_lasts(desk: Desk) -> None:
    desk.say("creating", passing=True)
    await asyncio.sleep(PASSING / 2)
    desk.say("running")
    await asyncio.sleep(PASSING * 2)
    assert (await desk.said())["state"] == "running"
    assert desk.reporter.written == 1
    desk.say("creating", passing=True)
    await asyncio.sleep(PASSING * 2)
    assert (await desk.said())["state"] == "creating"


@pytest.mark.looptime
async def test_of_many_states_in_one_moment_the_newest_wins(desk: Desk) -> None:
    for state in ("creating", "running", "paused"):
        desk.say(state)
    await asyncio.sleep(1)
    assert (await desk.said())["state"] == "paused"
    assert desk.reporter.written == 1


@pytest.mark.looptime
async def test_what_the_server_refuses_is_tried_again_without_a_hot_loop(desk: Desk) -> None:
    desk.say("dancing")
    await asyncio.sleep(30)
    assert 1 <= desk.reporter.failed <= 3
    desk.say("running")
    await asyncio.sleep(70)
    assert (await desk.said())["state"] == "running"


@pytest.mark.looptime
async def test_a_status_of_an_earlier_namesake_is_dropped(desk: Desk) -> None:
    desk.uid = "uid-of-an-earlier-dev"
    desk.say("running")
    await asyncio.sleep(5)
    assert await desk.said() == {} and not desk.reporter.knows(KEY)
