"""The loop of every write: what it reads, what it refuses from, and what it does after a conflict."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import ATTEMPTS, transact
from kohakuriver.apiserver.objects import metadata, objects
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.apiserver.write.actions import ACTIONS
from kohakuriver.resources import kinds
from tests.apiserver.writing import ALICE, World, a_vps
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

KEY, BESIDE = codec.key(kinds.VPS, "default", "dev"), codec.key(kinds.NODE, None, "n1")
ABOUT = kinds.VPS, "dev"


class Counted(MemoryStore):
    """It counts what is read of it."""

    reads = 0

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        self.reads += 1
        return await super().get_many(keys)


@pytest.fixture
def store() -> Counted:
    return Counted()


@pytest.fixture
def world(store: Counted) -> World:
    return World(store, LoopClock())


async def put(world: World, value: int, key: str = KEY) -> Record:
    obj = {"metadata": {"name": "dev"}, "spec": {"value": value}}
    await world.store.commit(expect={}, writes=[Put(key, codec.encode(obj))])
    record = await world.store.get(key)
    assert record is not None
    return record


def value(records: Records, key: str = KEY) -> int:
    record = records[key]
    assert record is not None
    return int(codec.decode(record)["spec"]["value"])


async def stored(world: World) -> int:
    return value({KEY: await world.store.get(KEY)})


def more(records: Records, by: int = 1) -> Step:
    """One that adds to what is there."""
    record = records[KEY]
    assert record is not None
    obj = codec.decode(record)
    obj["spec"] = {"value": obj["spec"]["value"] + by}
    return Step(obj, (Put(KEY, codec.encode(obj)),))


def remembering(world: World, *records: Record) -> World:
    return dataclasses.replace(world, recalled={record.key: record for record in records})


async def test_what_is_remembered_rightly_is_not_read(world: World, store: Counted) -> None:
    server = remembering(world, await put(world, 1))

    async def decide(records: Records) -> Step:
        return more(records)

    written = await transact(server, (KEY,), decide, about=ABOUT, from_memory=True)
    assert (await stored(world), store.reads) == (2, 0)
    assert written.object["metadata"]["resourceVersion"] == str(await store.revision())


async def test_a_refusal_from_memory_is_asked_of_the_store(world: World, store: Counted) -> None:
    server = remembering(world, await put(world, 1))
    await put(world, 2)

    async def decide(records: Records) -> Step:
        if value(records) == 1:
            raise objects.conflict(*ABOUT, "it is 1", hint="wait")
        return more(records)

    await transact(server, (KEY,), decide, about=ABOUT, from_memory=True)
    assert (await stored(world), store.reads) == (3, 1)


async def test_nonsense_in_memory_is_asked_of_the_store(world: World) -> None:
    remembered = dataclasses.replace(await put(world, 1), value=b"nonsense")
    server = remembering(world, remembered)

    async def decide(records: Records) -> Step:
        return more(records)

    await transact(server, (KEY,), decide, about=ABOUT, from_memory=True)
    assert await stored(world) == 2


async def test_a_refusal_by_the_store_stands(world: World) -> None:
    await put(world, 1)

    async def decide(records: Records) -> Step:
        raise objects.conflict(*ABOUT, "it is never right", hint="wait")

    with pytest.raises(errors.Conflict, match="never right"):
        await transact(world, (KEY,), decide, about=ABOUT)


async def test_only_the_store_finds_that_nothing_is_to_be_done(world: World) -> None:
    server = remembering(world, await put(world, 1))
    await put(world, 2)

    async def decide(records: Records) -> Step:
        return more(records) if value(records) == 2 else Step({})

    await transact(server, (KEY,), decide, about=ABOUT, from_memory=True)
    assert await stored(world) == 3


async def test_nothing_to_be_done_makes_no_revision(world: World) -> None:
    record = await put(world, 1)

    async def decide(records: Records) -> Step:
        return Step({"metadata": {"resourceVersion": "7"}})

    written = await transact(world, (KEY,), decide, about=ABOUT)
    assert written.object["metadata"]["resourceVersion"] == "7"
    assert await world.store.revision() == record.revision


async def test_after_a_conflict_goes_what_is_there_and_nothing_is_read_again(
    world: World, store: Counted
) -> None:
    await put(world, 1)
    tries = 0

    async def decide(records: Records) -> Step:
        nonlocal tries
        tries += 1
        if tries == 1:
            await put(world, 10)
        return more(records)

    await transact(world, (KEY,), decide, about=ABOUT)
    assert (await stored(world), tries, store.reads) == (11, 2, 1)


async def test_who_is_overtaken_each_time_is_told_so(world: World) -> None:
    await put(world, 0)
    tries = 0

    async def decide(records: Records) -> Step:
        nonlocal tries
        tries += 1
        await put(world, tries)
        return more(records)

    with pytest.raises(errors.Conflict, match=f"others changed it {ATTEMPTS} times"):
        await transact(world, (KEY,), decide, about=ABOUT)
    assert (tries, await stored(world)) == (ATTEMPTS, ATTEMPTS)


async def test_what_one_try_has_compared_beside_does_not_grow_old(world: World) -> None:
    """A conflict brings it; after the next one, which has not compared it, nobody knows it any more."""
    await put(world, 1)
    beside = await put(world, 5, BESIDE)
    known: list[bool] = []

    async def decide(records: Records) -> Step:
        known.append(BESIDE in records)
        record = records[KEY]
        assert record is not None
        if len(known) < 3:
            await put(world, 10 * len(known))
        also = {BESIDE: beside.revision} if len(known) == 1 else {}
        return dataclasses.replace(more(records), expect={KEY: record.revision, **also})

    await transact(world, (KEY,), decide, about=ABOUT)
    assert (known, await stored(world)) == ([False, True, False], 21)


async def test_what_was_read_and_is_not_compared_is_kept_for_the_next_try(world: World) -> None:
    await put(world, 1)
    await put(world, 5, BESIDE)
    tries = 0

    async def decide(records: Records) -> Step:
        nonlocal tries
        tries += 1
        record = records[KEY]
        assert record is not None
        if tries == 1:
            await put(world, 10)
        step = more(records, by=value(records, BESIDE))
        return dataclasses.replace(step, expect={KEY: record.revision})

    await transact(world, (KEY, BESIDE), decide, about=ABOUT)
    assert await stored(world) == 15


async def test_a_dry_run_leaves_the_store_as_it_is(world: World) -> None:
    record = await put(world, 1)

    async def decide(records: Records) -> Step:
        return more(records)

    written = await transact(world, (KEY,), decide, about=ABOUT, dry_run=True)
    assert written.object["spec"] == {"value": 2}
    assert (await stored(world), await world.store.revision()) == (1, record.revision)


async def test_an_object_that_is_not_itself_written_keeps_its_version(world: World) -> None:
    await put(world, 1)
    node: dict[str, Any] = {"metadata": {"name": "n1", "resourceVersion": "7"}}

    async def decide(records: Records) -> Step:
        return dataclasses.replace(more(records), object=node, moves=False)

    written = await transact(world, (KEY,), decide, about=ABOUT)
    assert (written.object, await stored(world)) == (node, 2)


async def test_a_create_repeated_on_a_full_store_finds_what_its_first_try_has_made(world: World) -> None:
    """This server remembers nothing of it yet; that the store is full is no answer to somebody whose create
    was done."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    await world.create(namespace, resource=kinds.NAMESPACE)
    body = a_vps()
    body["metadata"]["annotations"] = {metadata.CREATE_ID: "c1"}
    made = await world.create(body, user=ALICE)
    around = await world.store.get(codec.key(kinds.NAMESPACE, None, "default"))
    assert around is not None
    full = dataclasses.replace(remembering(world, around), crowded="the store is full")
    assert (await full.create(body, user=ALICE)).object == made.object
    with pytest.raises(errors.InsufficientStorage):
        await full.create(a_vps("more"), user=ALICE)


def test_each_action_of_a_kind_has_its_row_and_no_row_is_left_over() -> None:
    assert set(ACTIONS) == {(kind, action) for kind in kinds.ALL for action in kind.actions}
