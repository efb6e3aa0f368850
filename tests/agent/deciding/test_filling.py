"""What follows for a VPS whose volumes get the files of a Snapshot: each moment of that once."""

import dataclasses
from typing import Any

import pytest

from kohakuriver.agent.deciding.actions import (
    Action,
    Create,
    Fill,
    Finish,
    MakeAnew,
    PutBack,
    Remove,
    Retire,
    SetAside,
    Settle,
    Start,
    Stop,
)
from kohakuriver.agent.deciding.desired import Around, Desired, Kept, Volume
from kohakuriver.agent.deciding.judge import Verdict
from kohakuriver.agent.deciding.memory import Filling, Recreation
from kohakuriver.agent.runtime.base import Container, ContainerState
from tests.agent.builders import FIRST_RUN, NOON, a_container, a_vps, exited, judged, known, learn

IMAGE = "kohakuriver/snapshot-1:latest"
KEPT = (Kept("data", "/data", 5, "sha256:1"),)
FROM = a_vps(
    snapshot="s1",
    image=IMAGE,
    replace_files=1,
    volumes=(Volume("data", "/data"),),
    around=Around(snapshot_uid="1", kept=KEPT),
)
FILLING = Filling(id="f1", snapshot="1", title="s1", image=IMAGE, word=1, old="c1")
PLACED = dataclasses.replace(FILLING, in_place=True)
FIRST = dataclasses.replace(FILLING, old="")  # of a VPS without a container
NOTED = Recreation(old="c1", run=FIRST_RUN, image="", base="kohakuriver/busybox")


def old(**changes: Any) -> Container:
    """The container that is to be replaced, ended."""
    return exited(a_vps(volumes=FROM.volumes), code=0, **changes)


def new(vps: Desired = FROM, **changes: Any) -> Container:
    """The one that begins from the Snapshot."""
    state = {"state": ContainerState.CREATED, "run": None, **changes}
    return a_container(vps, id="c2", **state)


def deeds(
    vps: Desired,
    container: Container | None,
    *,
    filling: Filling | None = None,
    note: Recreation | None = None,
    **changes: Any,
) -> list[Action]:
    return list(verdict(vps, container, filling=filling, note=note, **changes).actions)


def verdict(
    vps: Desired,
    container: Container | None,
    *,
    filling: Filling | None = None,
    note: Recreation | None = None,
    passed_over: int = 0,
    **changes: Any,
) -> Verdict:
    memory = known(vps, container, **changes)
    durable = dataclasses.replace(memory.durable, filling=filling, recreation=note, passed_over=passed_over)
    return judged(vps, container, dataclasses.replace(memory, durable=durable))


def test_each_step_of_a_restore_follows_from_what_is_noted() -> None:
    assert deeds(FROM, old()) == [SetAside("c1")]
    assert deeds(FROM, old(), note=NOTED) == [Fill()]
    assert deeds(FROM, old(), note=NOTED, filling=FILLING) == [Fill()]
    assert deeds(FROM, old(), note=NOTED, filling=PLACED) == [MakeAnew()]
    assert Start("c2") in deeds(FROM, new(), note=NOTED, filling=PLACED)
    up = new(state=ContainerState.RUNNING, run=FIRST_RUN)
    assert deeds(FROM, up, note=NOTED, filling=PLACED)[:2] == [Retire("c1"), Settle()]
    assert deeds(FROM, up, filling=PLACED)[0] == Settle()
    assert deeds(FROM, up) == []


def test_each_step_of_a_beginning_follows_from_what_is_noted() -> None:
    assert deeds(FROM, None) == [Fill()]
    assert deeds(FROM, None, filling=FIRST) == [Fill()]
    assert deeds(FROM, None, filling=dataclasses.replace(FIRST, in_place=True)) == [Create()]
    without = dataclasses.replace(FROM, around=Around(snapshot_uid="1"))
    assert deeds(without, None) == [Create()]


@pytest.mark.parametrize(
    "taken_back",
    [
        dataclasses.replace(FROM, replace_files=0, image="kohakuriver/busybox", snapshot="", around=Around()),
        dataclasses.replace(FROM, image="kohakuriver/snapshot-2:latest"),
        dataclasses.replace(FROM, image="", around=Around(no_image="there is none")),
    ],
)
@pytest.mark.parametrize("filling", [FILLING, PLACED])
def test_what_nothing_is_to_run_with_is_put_back_before_anything_is_started(
    taken_back: Desired, filling: Filling
) -> None:
    assert deeds(taken_back, old(), note=NOTED, filling=filling) == [
        PutBack("nothing is to run with what they were given")
    ]
    assert deeds(taken_back, None, note=NOTED, filling=filling) == [
        PutBack("nothing is to run with what they were given")
    ]
    up = dataclasses.replace(old(), state=ContainerState.RUNNING, exit_code=None)
    (stop,) = deeds(taken_back, up, note=NOTED, filling=filling)
    assert isinstance(stop, Stop)


def test_a_word_that_was_passed_over_gives_the_volumes_back() -> None:
    (deed,) = deeds(FROM, old(), note=NOTED, filling=PLACED, passed_over=1)
    assert isinstance(deed, PutBack)


def test_a_container_that_never_ran_goes_first_where_the_word_is_taken_back() -> None:
    back = dataclasses.replace(
        FROM, replace_files=0, snapshot="", image="kohakuriver/busybox", around=Around()
    )
    made = new()
    made = dataclasses.replace(made, labels={**made.labels, "kohakuriver.io/commit": "3"})
    (deed,) = deeds(back, made, note=NOTED, filling=PLACED)
    assert deed == Remove("c2", why="it never ran, and is to be made otherwise")


@pytest.mark.parametrize("state", [ContainerState.RUNNING, ContainerState.EXITED])
def test_what_a_container_has_run_with_is_never_put_back_though_that_container_is_gone(
    state: ContainerState,
) -> None:
    ran = new(state=state, run=FIRST_RUN, **({"exit_code": 0} if state is ContainerState.EXITED else {}))
    memory = known(FROM, ran)
    memory = dataclasses.replace(memory, durable=dataclasses.replace(memory.durable, filling=PLACED))
    durable = learn(memory, FROM, ran, NOON).durable
    for vps in (
        dataclasses.replace(FROM, deleting=True),
        dataclasses.replace(FROM, replace_files=2),
        dataclasses.replace(FROM, image="", around=Around(no_image="there is none")),
        FROM,
    ):
        gone = dataclasses.replace(known(vps), durable=durable)
        found = [type(one) for one in judged(vps, None, gone).actions]
        assert Settle in found and PutBack not in found and Fill not in found, vps


def test_what_the_restore_before_left_is_settled_before_the_next_begins() -> None:
    again = dataclasses.replace(FROM, replace_files=2)
    ended = new(state=ContainerState.EXITED, run=FIRST_RUN, exit_code=0)
    assert Settle() in deeds(again, ended, filling=PLACED)
    assert SetAside("c2") not in deeds(again, ended, filling=PLACED)
    assert deeds(again, ended) == [SetAside("c2")]


def test_while_volumes_are_brought_it_is_looked_at_again_and_that_is_said() -> None:
    found = verdict(
        FROM, old(), note=NOTED, filling=FILLING, copying_until=NOON + 1, copying="data, 1Mi of 3Mi"
    )
    assert (found.actions, found.again, found.message) == ((), NOON + 1, "data, 1Mi of 3Mi")


def test_a_deletion_gives_back_what_no_container_has_run_with_and_keeps_the_rest() -> None:
    going = dataclasses.replace(FROM, deleting=True)
    assert PutBack("the VPS was deleted") in deeds(going, old(), note=NOTED, filling=PLACED)
    up = new(state=ContainerState.RUNNING, run=FIRST_RUN)
    found = deeds(going, up, note=NOTED, filling=PLACED)
    assert Settle() in found and found[-1] == Finish()
    assert not any(isinstance(one, PutBack) for one in found)


def test_files_that_are_carried_over_leave_the_volumes_as_they_are() -> None:
    carried = dataclasses.replace(NOTED, image="kohakuriver/commit-uid-of-d:1")
    vps = dataclasses.replace(FROM, replace_files=0)
    assert deeds(vps, None, note=carried) == [MakeAnew()]
