"""What is on its way to the store counts, and nobody is refused by what the cache has not heard yet."""

import asyncio
import dataclasses
import datetime
from typing import Any

import orjson
import pytest

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.quota.booked import Booked
from kohakuriver.apiserver.quota.judging import Asked
from kohakuriver.apiserver.quota.ledger import DOUBTFUL, MOST_DOUBTFUL, Ledger
from kohakuriver.apiserver.quota.stored import Stored
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import (
    Put,
    Record,
    StoreConflict,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
)
from kohakuriver.clock import EPOCH
from kohakuriver.errors import Forbidden
from kohakuriver.resources import kinds, quota
from tests.apiserver import writing

ALICE = User("alice", Role.USER, namespaces=("default",))
ONE = {quota.VPSES: 1}


class Turned:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime.datetime:
        return EPOCH + datetime.timedelta(seconds=self.seconds)


class Behind:
    """A cache that hears what happened only when it is asked to catch up."""

    def __init__(self) -> None:
        self.stored = Stored()
        self.booked = Booked()
        self.revision = 0
        self._unheard: list[tuple[str, bytes | None]] = []

    def happens(self, name: str, value: bytes | None) -> None:
        """A VPS was written, or deleted."""
        self._unheard.append((codec.key(kinds.VPS, "default", name), value))

    async def fresh(self) -> int:
        for key, value in self._unheard:
            self.revision += 1
            record = Record(key, value, self.revision, self.revision) if value is not None else None
            self.stored.apply(key, record)
        self._unheard = []
        return self.revision


def a_vps(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"resources": {"cores": 1}}}


def a_create(ledger: Ledger, name: str) -> Asked | None:
    new = a_vps(name)
    put = Put(codec.key(kinds.VPS, "default", name), orjson.dumps(new))
    return ledger.asked(ALICE, kinds.VPS, put, old=None, new=new)


async def fails(ledger: Ledger, name: str, error: BaseException) -> None:
    """A create whose commit ends so."""
    with pytest.raises(type(error)):
        async with ledger.room(a_create(ledger, name)):
            raise error


async def test_what_was_deleted_a_moment_ago_takes_no_room():
    cache = Behind()
    ledger = Ledger(cache, Turned(), ONE)
    cache.happens("one", orjson.dumps(a_vps("one")))
    await cache.fresh()
    with pytest.raises(Forbidden):
        await ledger.check(a_create(ledger, "two"))
    cache.happens("one", None)
    async with ledger.room(a_create(ledger, "two")) as place:
        place.committed(3)


async def test_a_write_counts_from_its_judgement_until_the_cache_has_it_and_once():
    cache = Behind()
    ledger = Ledger(cache, Turned(), {quota.VPSES: 2})
    async with ledger.room(a_create(ledger, "one")) as first, ledger.room(a_create(ledger, "two")) as second:
        with pytest.raises(Forbidden, match=f"used: {quota.VPSES}=2"):
            await ledger.check(a_create(ledger, "three"))
        first.committed(1)
        second.committed(2)
    with pytest.raises(Forbidden, match=f"used: {quota.VPSES}=2"):
        await ledger.check(a_create(ledger, "three"))
    for name in ("one", "two"):
        cache.happens(name, orjson.dumps(a_vps(name)))
    with pytest.raises(Forbidden, match=f"used: {quota.VPSES}=2"):
        await ledger.check(a_create(ledger, "three"))
    cache.happens("one", None)
    await ledger.check(a_create(ledger, "three"))


@pytest.mark.parametrize("error", [StoreConflict({}, 1), StoreUnavailable("no leader")])
async def test_a_write_that_was_not_done_counts_no_more(error: StoreError):
    ledger = Ledger(Behind(), Turned(), ONE)
    await fails(ledger, "one", error)
    await ledger.check(a_create(ledger, "two"))


@pytest.mark.parametrize("error", [StoreTimeout("no answer"), asyncio.CancelledError()])
async def test_a_write_whose_outcome_nobody_knows_counts_until_it_would_have_come(error: BaseException):
    clock = Turned()
    ledger = Ledger(Behind(), clock, ONE)
    await fails(ledger, "one", error)
    clock.seconds = DOUBTFUL - 1
    with pytest.raises(Forbidden):
        await ledger.check(a_create(ledger, "two"))
    clock.seconds = DOUBTFUL + 1
    await ledger.check(a_create(ledger, "two"))


async def test_a_write_without_an_answer_that_was_done_after_all_counts_once():
    cache = Behind()
    ledger = Ledger(cache, Turned(), {quota.VPSES: 2})
    await fails(ledger, "one", StoreTimeout("no answer"))
    cache.happens("one", orjson.dumps(a_vps("one")))
    await cache.fresh()
    async with ledger.room(a_create(ledger, "two")) as place:
        place.committed(2)
    with pytest.raises(Forbidden, match=f"used: {quota.VPSES}=2"):
        await ledger.check(a_create(ledger, "three"))


async def test_of_writes_whose_outcome_nobody_knows_so_many_are_remembered():
    clock = Turned()
    ledger = Ledger(Behind(), clock, {quota.VPSES: MOST_DOUBTFUL + 1})
    for number in range(3 * MOST_DOUBTFUL):
        await fails(ledger, f"v{number}", asyncio.CancelledError())
    async with ledger.room(a_create(ledger, "last")) as place:
        with pytest.raises(Forbidden, match=f"used: {quota.VPSES}={MOST_DOUBTFUL + 1},"):
            await ledger.check(a_create(ledger, "more"))
        place.committed(1)
    clock.seconds = DOUBTFUL
    await ledger.check(a_create(ledger, "more"))


async def test_what_a_restored_store_has_lost_counts_no_more():
    clock = Turned()
    ledger = Ledger(Behind(), clock, ONE)
    async with ledger.room(a_create(ledger, "lost")) as place:
        place.committed(1_000_000)  # and the store that is put in its place is at revision 1
    with pytest.raises(Forbidden):
        await ledger.check(a_create(ledger, "one"))
    clock.seconds = DOUBTFUL
    await ledger.check(a_create(ledger, "one"))


async def test_a_create_that_is_tried_again_takes_the_place_of_the_one_without_an_answer():
    cache = Behind()
    ledger = Ledger(cache, Turned(), ONE)
    await fails(ledger, "one", StoreTimeout("no answer"))
    async with ledger.room(a_create(ledger, "one")) as place:
        place.committed(1)
    cache.happens("one", orjson.dumps(a_vps("one")))
    with pytest.raises(Forbidden, match=f"used: {quota.VPSES}=1"):
        await ledger.check(a_create(ledger, "two"))


@dataclasses.dataclass(frozen=True)
class Full(writing.World):
    """A server on which the namespace is full already."""

    @property
    def ledger(self) -> Ledger:
        return Ledger(Behind(), self.clock, {quota.VPSES: 0})


async def test_a_create_whose_answer_was_lost_finds_its_own_object_in_a_namespace_that_is_full_by_it():
    world = await writing.a_world(writing.a_node())
    body = writing.a_vps()
    body["metadata"]["annotations"] = {"kohakuriver.io/create-id": "once"}
    first = await world.create(body)
    around = codec.key(kinds.NAMESPACE, None, "default")
    recalled = {around: await world.store.get(around)}  # the VPS is not known from memory yet
    again = await Full(world.store, world.clock, recalled=recalled).create(body)
    assert again.created and again.object == first.object
    with pytest.raises(Forbidden):
        await Full(world.store, world.clock, recalled=recalled).create(writing.a_vps("more"))


def test_nodes_and_the_controller_are_not_asked():
    ledger = Ledger(Behind(), Turned(), ONE)
    put, new = Put(codec.key(kinds.VPS, "default", "dev"), b"{}"), a_vps("dev")
    roles = {role for role in Role if ledger.asked(User("x", role), kinds.VPS, put, old=None, new=new)}
    assert roles == {Role.USER, Role.ADMIN}
