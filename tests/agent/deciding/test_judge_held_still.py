"""A VPS that the agent itself has frozen, for as long as a snapshot of it is taken."""

import dataclasses

import pytest

from kohakuriver.agent.deciding import status
from kohakuriver.agent.deciding.actions import Pause, Stop, Unpause
from kohakuriver.agent.deciding.desired import Around, Desired, Login
from kohakuriver.agent.deciding.memory import Memory, SSHView
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.runtime.base import ContainerState, Limits
from kohakuriver.resources.vps import ObservedState, RunState
from tests.agent.builders import FIRST_RUN, NOON, a_container, a_vps, judged, known, learn

FROZEN = a_container(state=ContainerState.PAUSED)
HELD = Around(frozen_for="dev-1")


def a_held_vps(**changes: object) -> tuple[Desired, Memory]:
    """One that ran as declared before, what it is declared to be now, and what is known of it."""
    before = a_vps()
    running = learn(known(before), before, a_container(), NOON)
    vps = a_vps(around=HELD, **changes)
    return vps, learn(running, vps, FROZEN, NOON + 1)


def test_it_counts_as_running_and_nobody_thaws_it() -> None:
    vps, memory = a_held_vps()
    said = judged(vps, FROZEN, memory, NOON + 1)
    assert (said.state, said.reason) == (ObservedState.RUNNING, "SnapshotBeingTaken")
    assert said.message == "paused for a moment: its snapshot dev-1 is being taken"
    assert said.actions == () and said.events == ()
    assert said.again == NOON + 2


def test_what_is_frozen_by_somebody_else_is_thawed_as_ever() -> None:
    vps, memory = a_held_vps()
    over = dataclasses.replace(vps, around=Around())
    unpause, told = judged(over, FROZEN, memory, NOON + 2).actions
    assert isinstance(unpause, Unpause)
    assert getattr(told, "reason", "") == "PausedOutside"


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"run_state": RunState.STOPPED}, "the VPS is declared Stopped"),
        ({"restart_request": "again"}, "a restart was requested"),
        ({"replace_files": 1}, "its owner has given its files up"),
        ({"limits": None}, "its cores and memory are released"),
    ],
)
def test_what_ends_its_run_does_not_wait_for_the_snapshot(declared: dict[str, object], why: str) -> None:
    vps, memory = a_held_vps(**declared)
    (stop,) = judged(vps, FROZEN, memory, NOON + 1).actions
    assert isinstance(stop, Stop) and stop.why == why


def test_a_deletion_does_not_wait_for_the_snapshot() -> None:
    vps, memory = a_held_vps(deleting=True)
    assert isinstance(judged(vps, FROZEN, memory, NOON + 1).actions[0], Stop)


def test_a_declared_pause_takes_it_over_and_knows_afterwards_whose_it_is() -> None:
    vps, memory = a_held_vps(run_state=RunState.PAUSED)
    assert judged(vps, FROZEN, memory, NOON + 1).actions == (Pause("c1", why="the VPS is declared Paused"),)
    taken_over = dataclasses.replace(vps, around=Around())
    memory = learn(memory, taken_over, FROZEN, NOON + 2)
    said = judged(taken_over, FROZEN, memory, NOON + 2)
    assert (said.state, said.actions) == (ObservedState.PAUSED, ())
    resumed = a_vps()
    memory = learn(memory, resumed, FROZEN, NOON + 3)
    assert judged(resumed, FROZEN, memory, NOON + 3).actions == (
        Unpause("c1", why="the VPS is declared Running"),
    )


def test_what_else_is_declared_meanwhile_waits_for_the_thaw() -> None:
    limits = Limits(millicores=3000, memory=1 << 30)
    vps, memory = a_held_vps(limits=limits)
    assert judged(vps, FROZEN, memory, NOON + 1).actions == ()
    over, running = dataclasses.replace(vps, around=Around()), a_container()
    memory = learn(memory, over, running, NOON + 2)
    assert judged(over, running, memory, NOON + 2).actions != ()


def test_its_ssh_is_neither_asked_nor_called_broken() -> None:
    vps, memory = a_held_vps(login=Login(keys=("ssh-ed25519 AAAA",)))
    memory = dataclasses.replace(memory, ssh=SSHView(FIRST_RUN, "ready"))
    said = judged(vps, FROZEN, memory, NOON + 1)
    assert (said.state, said.probe) == (ObservedState.RUNNING, None)
    (ssh, *_) = status.conditions(Situation(vps, FROZEN, memory, NOON + 1))
    assert (ssh["type"], ssh["status"]) == ("SSHReady", "True")


def test_one_that_has_not_been_heard_of_yet_stays_starting() -> None:
    vps, memory = a_held_vps(login=Login(keys=("ssh-ed25519 AAAA",)))
    assert judged(vps, FROZEN, memory, NOON + 1).state is ObservedState.STARTING
