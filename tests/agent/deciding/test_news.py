"""What people are told of an exit, and when."""

import dataclasses

import pytest

from kohakuriver.agent.deciding.actions import Tell
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.judge import judge
from kohakuriver.agent.deciding.learn import engine_lost
from kohakuriver.agent.deciding.memory import Memory
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.runtime.base import Container
from kohakuriver.resources.vps import RestartPolicy, RunState
from tests.agent.builders import NOON, SECOND_RUN, a_container, a_vps, exited, known, learn


def told(vps: Desired, *seen: Container, memory: Memory | None = None) -> list[Tell]:
    """Everything said while these were seen, one after the other, beginning with a running container."""
    memory = memory or learn(known(vps), vps, a_container(vps), NOON)
    said: list[Tell] = []
    for container in seen:
        after = learn(memory, vps, container, NOON)
        said += judge(Situation(vps, container, after, NOON, before=memory)).events
        memory = after
    return said


def reasons(found: list[Tell]) -> list[str]:
    return [event.reason for event in found]


def test_an_exit_is_told_once_with_its_code() -> None:
    (event,) = told(a_vps(), exited(code=3), exited(code=3))
    assert event == Tell(
        "Warning", "Exited", "its main process ended with exit code 3; it is started again in 1s"
    )


def test_lack_of_memory_is_told_as_such() -> None:
    assert reasons(told(a_vps(), exited(code=137, oom_killed=True))) == ["OOMKilled"]


@pytest.mark.parametrize(("code", "reason", "type_"), [(0, "Completed", "Normal"), (1, "Error", "Warning")])
def test_an_end_by_policy_is_told_as_such(code: int, reason: str, type_: str) -> None:
    (event,) = told(a_vps(restart_policy=RestartPolicy.NEVER), exited(code=code))
    assert (event.reason, event.type) == (reason, type_)


def test_a_stop_as_declared_is_no_event() -> None:
    vps = a_vps(run_state=RunState.STOPPED)
    assert told(vps, exited(vps, code=143)) == []


def a_memory_of_a_kill(vps: Desired) -> Memory:
    memory = learn(known(vps), vps, a_container(vps), NOON)
    return dataclasses.replace(memory, touched_from_outside=True)


@pytest.mark.fault(16)
def test_a_stop_from_outside_is_told_when_it_runs_again() -> None:
    vps = a_vps()
    seen = exited(code=137), a_container(run=SECOND_RUN)
    assert reasons(told(vps, *seen, memory=a_memory_of_a_kill(vps))) == ["StoppedOutside"]


@pytest.mark.fault(16)
def test_a_stop_from_outside_that_the_policy_leaves_is_told_at_once() -> None:
    vps = a_vps(restart_policy=RestartPolicy.NEVER)
    assert reasons(told(vps, exited(code=137), memory=a_memory_of_a_kill(vps))) == ["StoppedOutside"]


@pytest.mark.fault(13)
def test_an_engine_that_kills_everything_before_it_goes_is_told_as_one_interruption() -> None:
    vps = a_vps()
    dying = learn(a_memory_of_a_kill(vps), vps, exited(code=137), NOON)
    memory = engine_lost(dying, NOON + 1)
    assert reasons(told(vps, exited(code=137), a_container(run=SECOND_RUN), memory=memory)) == ["Interrupted"]
