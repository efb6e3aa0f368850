"""What every Store does, whatever it keeps its keys in.

`test_store_memory.py` and `test_store_etcd.py` run these on theirs. Each test gets an empty
`store`; its revisions may have begun anywhere.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from kohakuriver.apiserver.store.base import (
    QUOTA,
    Batch,
    Change,
    Delete,
    Put,
    Store,
    StoreCompacted,
    StoreConflict,
    StoreFuture,
    StoreTooLarge,
    StoreUnavailable,
)
from kohakuriver.apiserver.store.copying import Copied


async def put(store: Store, key: str, value: bytes = b"v") -> int:
    return await store.commit(expect={}, writes=[Put(key, value)])


@contextlib.asynccontextmanager
async def watching(store: Store, prefix: str, *, start: int) -> AsyncIterator[AsyncIterator[Batch]]:
    stream = store.watch(prefix, start=start)
    try:
        yield stream
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


async def until(stream: AsyncIterator[Batch], revision: int) -> list[Batch]:
    """The batches up to the one that holds `revision`."""
    batches: list[Batch] = []
    async with asyncio.timeout(60):
        async for batch in stream:
            batches.append(batch)
            if batch.revision >= revision:
                return batches
    raise AssertionError("the watch ended without an error")


def changes(batches: Sequence[Batch]) -> list[Change]:
    return [change for batch in batches for change in batch.changes]


class StoreContract:
    async def test_a_key_that_was_never_written_is_absent(self, store: Store) -> None:
        assert await store.get("a") is None

    async def test_a_key_bears_the_revision_of_its_last_write_and_of_its_first(self, store: Store) -> None:
        created = await put(store, "a", b"1")
        updated = await put(store, "a", b"2")
        record = await store.get("a")
        assert record is not None
        assert (record.key, record.value) == ("a", b"2")
        assert (record.created, record.revision) == (created, updated)

    async def test_a_key_deleted_and_written_again_is_created_anew(self, store: Store) -> None:
        await put(store, "a")
        await store.commit(expect={}, writes=[Delete("a")])
        again = await put(store, "a")
        record = await store.get("a")
        assert record is not None
        assert (record.created, record.revision) == (again, again)

    async def test_revisions_rise_by_one_with_each_commit_however_many_keys(self, store: Store) -> None:
        before = await store.revision()
        first = await put(store, "a")
        second = await store.commit(expect={}, writes=[Put("b", b"1"), Put("c", b"1"), Delete("a")])
        assert (first, second) == (before + 1, before + 2)
        assert await store.revision() == second

    async def test_a_commit_that_changes_nothing_makes_no_revision(self, store: Store) -> None:
        before = await put(store, "a")
        assert await store.commit(expect={"a": before}, writes=[]) == before
        assert await store.commit(expect={}, writes=[Delete("absent")]) == before
        assert await store.revision() == before

    async def test_a_value_may_be_empty_or_any_bytes_and_a_key_any_text(self, store: Store) -> None:
        await store.commit(expect={}, writes=[Put("ключ/é", b""), Put("b", b"\x00\xff")])
        (first, second), _ = await store.get_many(["ключ/é", "b"])
        assert first is not None and first.value == b""
        assert second is not None and second.value == b"\x00\xff"

    async def test_one_key_twice_in_one_commit_is_a_mistake(self, store: Store) -> None:
        with pytest.raises(ValueError, match="once"):
            await store.commit(expect={}, writes=[Put("a", b"1"), Delete("a")])

    async def test_a_commit_whose_expectations_hold_is_done(self, store: Store) -> None:
        first = await store.commit(expect={"a": 0}, writes=[Put("a", b"1")])
        second = await store.commit(expect={"a": first, "b": 0}, writes=[Put("a", b"2")])
        assert second == first + 1

    async def test_a_commit_whose_expectation_fails_does_nothing_and_says_what_is_there(
        self, store: Store
    ) -> None:
        at = await put(store, "a", b"theirs")
        with pytest.raises(StoreConflict) as conflict:
            await store.commit(expect={"a": at - 1, "b": 0}, writes=[Put("a", b"x"), Put("c", b"x")])
        assert conflict.value.actual == {"a": await store.get("a"), "b": None}
        assert conflict.value.revision == at
        assert await store.get("c") is None
        assert await store.revision() == at

    async def test_a_key_expected_to_be_absent_conflicts_when_it_is_there(self, store: Store) -> None:
        await put(store, "a", b"first")
        with pytest.raises(StoreConflict) as conflict:
            await store.commit(expect={"a": 0}, writes=[Put("a", b"second")])
        actual = conflict.value.actual["a"]
        assert actual is not None and actual.value == b"first"

    async def test_of_many_writers_at_one_revision_one_wins(self, store: Store) -> None:
        at = await put(store, "a", b"0")
        writes = [store.commit(expect={"a": at}, writes=[Put("a", str(n).encode())]) for n in range(10)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [at + 1]
        assert sum(isinstance(outcome, StoreConflict) for outcome in outcomes) == 9

    async def test_a_request_too_large_is_refused_and_not_done(self, store: Store) -> None:
        with pytest.raises(StoreTooLarge):
            await put(store, "a", b"x" * 3_000_000)
        with pytest.raises(StoreTooLarge):
            await store.commit(expect={}, writes=[Put(f"k{n}", b"") for n in range(129)])
        assert await store.get("a") is None
        assert (await store.list("k")).records == ()

    async def test_many_keys_are_read_in_the_order_asked_at_one_revision(self, store: Store) -> None:
        await put(store, "a", b"1")
        at = await put(store, "b", b"2")
        records, revision = await store.get_many(["b", "absent", "a"])
        assert [record.value if record else None for record in records] == [b"2", None, b"1"]
        assert revision == at

    async def test_keys_read_together_are_never_from_different_revisions(self, store: Store) -> None:
        async def write_pairs() -> None:
            for n in range(50):
                value = str(n).encode()
                await store.commit(expect={}, writes=[Put("a", value), Put("z", value)])

        writing = asyncio.create_task(write_pairs())
        while not writing.done():
            (first, second), _ = await store.get_many(["a", "z"])
            assert (first and first.value) == (second and second.value)
        await writing

    async def test_more_keys_than_a_transaction_holds_are_read_together(self, store: Store) -> None:
        await put(store, "k299", b"last")
        records, _ = await store.get_many([f"k{n}" for n in range(300)])
        assert len(records) == 300
        assert records[299] is not None and records[299].value == b"last"

    async def test_no_keys_read_together_are_none_at_the_current_revision(self, store: Store) -> None:
        at = await put(store, "a")
        assert await store.get_many([]) == ((), at)

    async def test_a_list_holds_the_prefix_in_key_order_and_nothing_else(self, store: Store) -> None:
        for key in ["p/b", "p/a", "p0", "p", "o/a", "p/a/x"]:
            await put(store, key)
        page = await store.list("p/")
        assert [record.key for record in page.records] == ["p/a", "p/a/x", "p/b"]
        assert not page.more
        assert page.revision == await store.revision()

    async def test_a_list_of_nothing_still_says_its_revision(self, store: Store) -> None:
        at = await put(store, "a")
        page = await store.list("nothing/")
        assert (page.records, page.revision, page.more) == ((), at, False)

    async def test_a_list_is_cut_at_its_limit_and_goes_on_after_the_last_key(self, store: Store) -> None:
        for n in range(5):
            await put(store, f"p/{n}")
        first = await store.list("p/", limit=2)
        await put(store, "p/9")
        last = first.records[-1].key
        rest = await store.list("p/", revision=first.revision, limit=3, after=last)
        assert [record.key for record in first.records] == ["p/0", "p/1"]
        assert [record.key for record in rest.records] == ["p/2", "p/3", "p/4"]
        assert (first.more, rest.more) == (True, False)
        assert rest.revision == first.revision

    async def test_a_list_at_an_older_revision_shows_what_was_there_then(self, store: Store) -> None:
        await put(store, "p/deleted", b"then")
        at = await put(store, "p/changed", b"then")
        await store.commit(expect={}, writes=[Put("p/changed", b"now"), Delete("p/deleted")])
        await put(store, "p/new", b"now")
        page = await store.list("p/", revision=at)
        assert {record.key: record.value for record in page.records} == {
            "p/changed": b"then",
            "p/deleted": b"then",
        }

    async def test_a_list_at_a_revision_not_reached_yet_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreFuture):
            await store.list("p/", revision=await store.revision() + 100)

    async def test_a_list_larger_than_a_grpc_message_comes_whole_and_of_one_revision(
        self, store: Store
    ) -> None:
        await fill(store, count=6_000, size=1_000)
        before = await store.revision()

        async def meddle() -> None:
            for n in range(0, 6_000, 100):
                await store.commit(expect={}, writes=[Delete(f"p/{n:05}")])

        page, _ = await asyncio.gather(store.list("p/"), meddle())
        # Deletions made before the list began are absent, in order; none is half there.
        missing = sorted({f"p/{n:05}" for n in range(6_000)} - {r.key for r in page.records})
        assert missing == [f"p/{n * 100:05}" for n in range(page.revision - before)]
        assert len(await all_at(store, before)) == 6_000

    async def test_a_list_of_few_large_values_comes_whole(self, store: Store) -> None:
        for n in range(6):
            await put(store, f"p/{n}", b"x" * 1_000_000)
        page = await store.list("p/")
        assert [len(record.value) for record in page.records] == [1_000_000] * 6

    async def test_a_watch_shows_what_changed_from_its_start_on(self, store: Store) -> None:
        await put(store, "p/a", b"before")
        start = await put(store, "p/a", b"1")
        await put(store, "elsewhere", b"x")
        end = await put(store, "p/b", b"2")
        async with watching(store, "p/", start=start) as stream:
            seen = changes(await until(stream, end))
        assert [(c.key, c.record and c.record.value, c.revision) for c in seen] == [
            ("p/a", b"1", start),
            ("p/b", b"2", end),
        ]

    async def test_a_watch_follows_what_comes_after_it_opened(self, store: Store) -> None:
        start = await store.revision() + 1
        async with watching(store, "p/", start=start) as stream:
            waiting = asyncio.create_task(until(stream, start + 2))
            for n in range(3):
                await put(store, "p/a", str(n).encode())
            seen = changes(await waiting)
        assert [c.record and c.record.value for c in seen] == [b"0", b"1", b"2"]

    async def test_a_watch_tells_a_key_that_is_made_changed_and_deleted(self, store: Store) -> None:
        first = await put(store, "p/a", b"1")
        await put(store, "p/a", b"2")
        end = await store.commit(expect={}, writes=[Delete("p/a")])
        async with watching(store, "p/", start=first) as stream:
            created, updated, deleted = changes(await until(stream, end))
        assert created.record is not None and updated.record is not None
        assert (created.record.value, updated.record.value) == (b"1", b"2")
        assert created.record.created == updated.record.created == first
        assert (deleted.record, deleted.key, deleted.revision) == (None, "p/a", end)

    async def test_all_keys_of_one_commit_come_in_one_batch(self, store: Store) -> None:
        start = await store.revision() + 1
        async with watching(store, "p/", start=start) as stream:
            waiting = asyncio.create_task(until(stream, start + 19))
            for n in range(20):
                value = str(n).encode()
                await store.commit(expect={}, writes=[Put(f"p/{key}", value) for key in range(40)])
            batches = await waiting
        for batch in batches:
            assert len(batch.changes) % 40 == 0
            assert batch.revision == batch.changes[-1].revision
        assert len(changes(batches)) == 800

    async def test_a_watch_resumed_behind_a_batch_misses_and_repeats_nothing(self, store: Store) -> None:
        start = await store.revision() + 1
        end = await fill(store, count=2_500, size=10, at_once=1)
        seen: list[Change] = []
        while not seen or seen[-1].revision < end:
            following = seen[-1].revision + 1 if seen else start
            async with watching(store, "p/", start=following) as stream:
                seen += (await anext(stream)).changes
        assert [change.revision for change in seen] == list(range(start, end + 1))

    async def test_two_watches_do_not_disturb_each_other(self, store: Store) -> None:
        start = await store.revision() + 1
        async with (
            watching(store, "p/", start=start) as one,
            watching(store, "", start=start) as all_keys,
        ):
            await put(store, "q/a")
            end = await put(store, "p/a")
            assert [c.key for c in changes(await until(one, end))] == ["p/a"]
            assert [c.key for c in changes(await until(all_keys, end))] == ["q/a", "p/a"]

    async def test_a_compacted_list_is_refused_and_one_at_the_compaction_is_not(self, store: Store) -> None:
        await put(store, "p/a", b"1")
        at = await put(store, "p/a", b"2")
        await put(store, "p/a", b"3")
        await store.compact(at)
        with pytest.raises(StoreCompacted):
            await store.list("p/", revision=at - 1)
        page = await store.list("p/", revision=at)
        assert [record.value for record in page.records] == [b"2"]

    async def test_a_watch_from_before_a_compaction_says_how_far_it_went(self, store: Store) -> None:
        start = await put(store, "p/a", b"1")
        at = await store.commit(expect={}, writes=[Delete("p/a")])
        end = await put(store, "p/b", b"3")
        await store.compact(at)
        for compacted in (start, at):  # at `at` itself etcd may have dropped the deletion
            with pytest.raises(StoreCompacted) as refusal:
                async with watching(store, "p/", start=compacted) as stream:
                    await until(stream, end)
            assert refusal.value.compact_revision == at
        async with watching(store, "p/", start=at + 1) as stream:
            assert [c.key for c in changes(await until(stream, end))] == ["p/b"]

    async def test_what_was_compacted_may_be_compacted_again(self, store: Store) -> None:
        await put(store, "a")
        at = await put(store, "a")
        await store.compact(at)
        await store.compact(at)
        await store.compact(at - 1)
        with pytest.raises(StoreFuture):
            await store.compact(at + 100)
        record = await store.get("a")
        assert record is not None and record.revision == at

    async def test_a_key_with_a_lifetime_goes_by_itself_and_a_watch_says_so(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        writes = [Put("p/short", b"x", ttl=1.0), Put("p/long", b"x", ttl=3600), Put("p/ever", b"x")]
        at = await store.commit(expect={}, writes=writes)
        async with watching(store, "p/", start=at + 1) as stream:
            (gone,) = changes(await until(stream, at + 1))
        assert loop.time() - begun >= 1.0
        assert (gone.key, gone.record) == ("p/short", None)
        left = await store.list("p/")
        assert [record.key for record in left.records] == ["p/ever", "p/long"]

    async def test_a_key_written_again_without_a_lifetime_stays(self, store: Store) -> None:
        at = await store.commit(expect={}, writes=[Put("p/a", b"x", ttl=1.0), Put("p/b", b"x", ttl=1.0)])
        await put(store, "p/a", b"kept")
        async with watching(store, "p/", start=at + 2) as stream:
            (gone,) = changes(await until(stream, at + 2))
        assert gone.key == "p/b"
        kept = await store.get("p/a")
        assert kept is not None and kept.value == b"kept"

    async def test_it_tells_how_much_it_holds_and_how_much_it_may(self, store: Store) -> None:
        before = await store.space()
        for number in range(20):
            await put(store, f"p/{number}", b"x" * 100_000)
        after = await store.space()
        while after.used < before.used + 1_500_000:  # etcd counts what it has written out, ten times a second
            await asyncio.sleep(0.05)
            after = await store.space()
        assert after.used <= after.file and after.quota == QUOTA

    async def test_a_healthy_store_has_no_alarms(self, store: Store) -> None:
        assert await store.alarms() == ()

    async def test_a_closed_store_says_so_and_ends_its_watches(self, store: Store) -> None:
        at = await put(store, "p/a")
        stream = store.watch("p/", start=at)
        await until(stream, at)
        waiting = asyncio.create_task(until(stream, at + 1))
        await asyncio.sleep(0)
        await store.aclose()
        with pytest.raises(StoreUnavailable):
            await waiting
        with pytest.raises(StoreUnavailable):
            await store.get("p/a")


async def fill(store: Store, *, count: int, size: int, at_once: int = 100) -> int:
    """`count` keys of `size` bytes, `at_once` in a commit, several commits under way."""
    value = b"x" * size
    for first in range(0, count, at_once * 25):
        starts = range(first, min(first + at_once * 25, count), at_once)
        await asyncio.gather(
            *(
                store.commit(
                    expect={},
                    writes=[Put(f"p/{n:05}", value) for n in range(at, min(at + at_once, count))],
                )
                for at in starts
            )
        )
    return await store.revision()


class CopiedContract:
    """What a store does beside that, of which copies are made."""

    async def test_a_key_with_a_lifetime_says_how_long_it_has(self, store: Copied) -> None:
        await store.commit(expect={}, writes=[Put("kept", b"1"), Put("gone", b"1", ttl=3600)])
        revision = await store.commit(expect={}, writes=[Put("cleared", b"1", ttl=600)])
        await store.commit(expect={}, writes=[Put("cleared", b"1")])
        later = await store.commit(expect={}, writes=[Put("later", b"1", ttl=60)])
        found = await store.lifetimes(revision=later)
        assert set(found) == {"gone", "later"}
        assert 3600 - 60 <= found["gone"] <= 3600 + 60
        assert "later" not in await store.lifetimes(revision=revision)

    async def test_a_store_says_which_etcd_it_is(self, store: Copied) -> None:
        assert (await store.version()).startswith("3.")


async def all_at(store: Store, revision: int) -> list[str]:
    return [record.key for record in (await store.list("p/", revision=revision)).records]
