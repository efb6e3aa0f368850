"""A VPS that waits for a node is told its place, by priority and age; nothing is written for that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.cache.turns import Turn, Turns, turn_of, words
from kohakuriver.resources import kinds, reasons
from tests.apiserver.api import Api, running_api

pytestmark = pytest.mark.looptime
VPSES = kinds.VPS.path(namespace="default")


async def message(api: Api, name: str) -> str:
    return str((await api.get(f"{VPSES}/{name}")).body["status"]["message"])


async def test_each_that_waits_says_its_place_and_none_is_written_to_when_places_change() -> None:
    async with running_api() as api:
        for name, priority in (("a", 0), ("b", 0), ("c", 5)):
            await api.create(kinds.VPS, {"metadata": {"name": name}, "spec": {"priority": priority}})
        waiting = "waiting for the controller to find it a node"
        assert [await message(api, name) for name in "cab"] == [
            f"{waiting}; 1st of 3 waiting",
            f"{waiting}; 2nd of 3 waiting",
            f"{waiting}; 3rd of 3 waiting",
        ]
        before = (await api.get(f"{VPSES}/b")).body["metadata"]["resourceVersion"]
        await api.call("DELETE", f"{VPSES}/c")
        (await api.get(VPSES)).body  # noqa: B018 - a list waits until the cache has caught up
        assert await message(api, "b") == f"{waiting}; 2nd of 2 waiting"
        assert (await api.get(f"{VPSES}/b")).body["metadata"]["resourceVersion"] == before
        listed = (await api.get(VPSES)).body["items"]
        assert {vps["status"]["message"] for vps in listed} == {waiting}, "the place is in no stored object"


async def test_who_waits_alone_or_not_at_all_is_told_no_place() -> None:
    async with running_api() as api:
        await api.create(kinds.VPS, {"metadata": {"name": "a"}})
        await api.create(kinds.VPS, {"metadata": {"name": "b"}, "spec": {"runState": "Stopped"}})
        assert "of" not in (await message(api, "a")).split("; ")[-1].split()
        assert await message(api, "b") == "it gets a node when it is started"


def test_who_waits_in_vain_has_no_turn_and_makes_nobodys_later() -> None:
    vps = {"metadata": {"name": "a"}, "status": {"phase": "pending", "reason": "Unschedulable"}}
    assert turn_of(kinds.VPS, vps, key="a", created=1) is not None
    vps["status"]["reason"] = reasons.NODE_NOT_FOUND
    assert turn_of(kinds.VPS, vps, key="a", created=1) is None


def test_places_are_counted_as_people_count() -> None:
    said = {place: words(place, 200).split()[0] for place in (1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111)}
    assert list(said.values()) == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th"
    ]  # fmt: skip


PLACES = st.tuples(st.sampled_from("abcd"), st.none() | st.tuples(st.integers(-2, 2), st.integers(0, 3)))


@given(st.lists(PLACES))
def test_the_order_is_that_of_those_who_wait_whatever_came_and_went(changes: list) -> None:
    turns, held = Turns(), {}
    for key, place in changes:
        after = Turn(place[0], str(place[1]), place[1], key) if place else None
        turns.move(held.get(key), after)
        held[key] = after
    waiting = sorted(turn for turn in held.values() if turn)
    assert [turns.place(turn) for turn in waiting] == [
        (at, len(waiting)) for at in range(1, len(waiting) + 1)
    ]


async def test_a_dry_run_says_the_place_that_a_get_says_so_that_a_diff_shows_only_the_change() -> None:
    async with running_api() as api:
        for name in ("a", "b"):
            await api.create(kinds.VPS, {"metadata": {"name": name}})
        path = kinds.VPS.path(namespace="default", name="b")
        await api.server.cache.fresh()
        got = (await api.get(path)).body
        headers = {"Content-Type": "application/merge-patch+json"}
        tried = await api.call("PATCH", f"{path}?dryRun=All", {"spec": {"command": ["sh"]}}, headers=headers)
        assert tried.body["status"] == got["status"] and "2nd of 2 waiting" in got["status"]["message"]
