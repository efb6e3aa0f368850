"""The roster remembers what it must, and no more of it than a node can have."""

import dataclasses

from kohakuriver.agent import roster
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import ContainerState, Listed
from tests.agent.builders import a_container


def listed(container_id: str, uid: str = "u1") -> Listed:
    return Listed(container_id, "dev", "i", "sha256:i", {labels.UID: uid}, ContainerState.RUNNING)


def test_what_was_given_up_long_ago_is_forgotten_and_what_was_lately_is_not() -> None:
    found = Roster()
    for number in range(roster.MOST_REMEMBERED + 5):
        found.end(f"u{number}", 1)
    assert not found.is_over("u4", 1)
    assert found.is_over("u5", 1)


def test_a_container_that_does_not_answer_stays_as_it_was_known() -> None:
    found, container = Roster(), a_container()
    found.put(container)
    assert found.be_silent(listed(container.id), mark=found.mark())
    assert not found.be_silent(listed(container.id), mark=found.mark())
    assert found.known(container.id) == container
    assert not found.is_unseen(container.labels[labels.UID])
    found.put(dataclasses.replace(container, exit_code=3))
    assert found.silent == set()


def test_one_that_was_never_seen_whole_is_there_and_nothing_to_act_on() -> None:
    found = Roster()
    found.be_silent(listed("c1"), mark=found.mark())
    assert found.has_container("u1") and found.is_unseen("u1") and found.is_silent("u1")
    found.drop("c1")
    assert not found.has_container("u1") and not found.is_unseen("u1")


def test_an_answer_that_was_asked_for_before_a_newer_one_changes_nothing() -> None:
    found, container = Roster(), a_container()
    mark = found.mark()
    found.put(container)
    assert found.take(container.id, None, mark=mark) == set()
    assert not found.be_silent(listed(container.id), mark=mark)
    assert found.known(container.id) == container


def test_an_answer_that_comes_after_the_container_was_dropped_brings_nothing_back() -> None:
    found, container = Roster(), a_container()
    found.put(container)
    begun = found.mark()
    found.keep_only((), mark=found.mark(), oldest=begun)
    for _ in range(3):  # lists that follow, while the look is still out
        found.keep_only((), mark=found.mark(), oldest=begun)
    assert found.take(container.id, container, mark=begun) == set()
    assert found.known(container.id) is None
