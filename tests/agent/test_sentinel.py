"""The mark that a node leaves in its engine, and what its absence stops."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.agent.journal import ACCEPTANCE
from kohakuriver.agent.machine.sentinel import Verdict, judge, name
from kohakuriver.resources import kinds
from tests.agent.agent_kit import CLUSTER, Node, a_manifest, a_node
from tests.fakes.runtime import FakeRuntime

NOTHING: frozenset[str] = frozenset()
MARK = name(cluster=CLUSTER, node="n1")


@pytest.mark.parametrize(
    ("there", "made_before", "expected", "found", "accepted", "verdict"),
    [
        (True, True, {"c1"}, set(), False, Verdict.KNOWN),
        (False, False, set(), set(), False, Verdict.NEW),
        (False, True, set(), set(), False, Verdict.REPLACED),
        (False, False, {"c1"}, set(), False, Verdict.REPLACED),
        (False, True, {"c1"}, {"c2"}, False, Verdict.REPLACED),
        (False, True, {"c1"}, {"c1"}, False, Verdict.NEW),
        (False, True, {"c1"}, set(), True, Verdict.NEW),
    ],
    ids=[
        "the mark is there",
        "a node that never had an engine",
        "the mark is gone",
        "the agent's folder and the engine were replaced together",
        "the containers are others than those that are known",
        "only the volumes were pruned",
        "a person said so",
    ],
)
def test_an_engine_is_known_by_its_mark(
    there: bool,
    made_before: bool,
    expected: set[str],
    found: set[str],
    accepted: bool,
    verdict: Verdict,
) -> None:
    assert verdict is judge(
        there=there,
        made_before=made_before,
        expected=frozenset(expected),
        found=frozenset(found),
        accepted=accepted,
    )


async def reason(node: Node) -> str:
    reply = await node.api.get(kinds.NODE.path(name="n1"))
    found = {one["type"]: one for one in reply.body["status"]["conditions"]}
    return str(found["RuntimeReady"]["reason"])


async def lose_engine(node: Node) -> None:
    """The machine comes back with an engine that has nothing in it."""
    await node.kill_agent()
    for container in node.containers():
        node.engine.remove(container.id, force=True)
    node.engine.volumes.clear()


@pytest.mark.looptime
async def test_registration_leaves_a_mark_that_a_deleted_node_object_does_not_change(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        made = dict(node.engine.volumes)
        assert made[MARK]["kohakuriver.io/node"] == "n1"
        await node.api.call("DELETE", kinds.NODE.path(name="n1"))
        await asyncio.sleep(5)
        await node.kill_agent()
        await node.start_agent()
        await node.until_ready()
        assert node.engine.volumes == made


@pytest.mark.looptime
@pytest.mark.fault(3)
async def test_in_a_replaced_engine_nothing_is_created_or_finished_until_a_person_says_so(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest("kept"))
        await node.place(a_manifest("deleted"))
        await node.until("kept", phase="running")
        await node.until("deleted", phase="running")
        await lose_engine(node)
        await node.delete("deleted")
        await node.start_agent()
        await asyncio.sleep(60)
        assert await reason(node) == "EngineReplaced"
        assert node.containers() == [] and node.engine.volumes == {}
        assert await node.find("deleted") is not None
        await node.kill_agent()
        await node.start_agent(accept_engine=True)
        await node.until_gone("deleted")
        await node.until("kept", phase="running")
        assert MARK in node.engine.volumes


@pytest.mark.looptime
async def test_a_person_s_word_is_for_the_engine_there_is_and_for_no_later_one(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.volumes.clear()
        node.engine.restart()
        await asyncio.sleep(15)
        assert await reason(node) == "EngineReplaced"
        (tmp_path / ACCEPTANCE).touch()
        await asyncio.sleep(15)
        assert await reason(node) == "EngineAnswers"
        assert MARK in node.engine.volumes and not (tmp_path / ACCEPTANCE).exists()
        node.engine.volumes.clear()
        node.engine.restart()
        await asyncio.sleep(15)
        assert await reason(node) == "EngineReplaced"


@pytest.mark.looptime
async def test_an_engine_whose_data_come_back_is_taken_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        held = dict(node.engine.volumes)
        node.engine.volumes.clear()
        node.engine.restart()
        await asyncio.sleep(15)
        assert await reason(node) == "EngineReplaced"
        node.engine.volumes.update(held)
        node.engine.restart()
        await asyncio.sleep(15)
        assert await reason(node) == "EngineAnswers"


@pytest.mark.looptime
async def test_pruned_volumes_alone_stop_nothing(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        await node.kill_agent()
        node.engine.volumes.clear()
        await node.start_agent()
        await asyncio.sleep(5)
        assert await reason(node) == "EngineAnswers"
        assert MARK in node.engine.volumes
        runtime = FakeRuntime(node.engine, cluster=CLUSTER)
        assert [volume.name for volume in await runtime.volumes()] == [MARK]
