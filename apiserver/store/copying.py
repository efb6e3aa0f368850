"""A copy of all that the store holds, as of one revision, and bringing it into an empty one.

    {"copy": "kohakuriver store", "format": 1, "revision": 812, "cluster": …, "history": …, "takenAt": …, …}
    {"key": "registry/vpses/default/dev", "created": 17, "text": "{…}"}       or "base64", where it is no text
    {"key": "registry/events/…", "created": 40, "text": "{…}", "until": "2026-…"}   gone by itself by then
    {"records": 2}

Values stand there as they are stored: what is encrypted stays so. The copy has no revisions to go back to:
what it is brought into counts its own, in a history of its own (`lineage.py`), so that every agent sees that
the store was restored. It needs no program of etcd's, and any version takes it, also one of several members.

Bringing it in is many transactions. The first writes `meta/loading`, and the last takes it away and writes
`meta/cluster`: until then no API server serves from there, and who was interrupted begins again.
"""

import base64
import dataclasses
import datetime
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Final, Protocol

import orjson

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Page, Put, Record, Store, StoreError, StoreRefused
from kohakuriver.apiserver.store.lineage import History, Lineage
from kohakuriver.clock import Clock, timestamp

FORMAT: Final = 1
NAME: Final = "kohakuriver store"
LEFT_OUT: Final = (codec.COMPACTION, codec.TICKS, codec.CODES, codec.CLUSTER, codec.HISTORY, codec.LOADING)
"""Of the moment, or of the history that ends: the first line has what is needed of it."""
_PAGE: Final = 500  # records read at once
_AT_ONCE: Final = 100  # writes in one transaction
_BYTES: Final = 512 * 1024  # of values in one transaction, where several fit
_VPSES: Final = codec.REGISTRY + "vpses/"
_COARSE: Final = 60.0  # seconds: what ends within the same minute shares one lease


class Copied(Store, Protocol):
    """A store that says what of it goes away by itself."""

    async def lifetimes(self, *, revision: int) -> dict[str, float]:
        """The seconds that are left to each key which has an end, of those there at `revision`."""
        ...

    async def version(self) -> str:
        """Of etcd."""
        ...


class CopyDamaged(ValueError):
    """What was given is not a whole copy, or one of a later form."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """One key of a copy."""

    key: str
    value: bytes
    created: int
    until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """A whole copy."""

    history: History
    kept: tuple[Kept, ...]
    digest: str


async def save(store: Copied, write: Callable[[bytes], Any], *, clock: Clock) -> int:
    """Write a copy; how many records it has. Raises StoreError; there may be no cluster to copy yet."""
    record, revision = await _cluster(store)
    history = orjson.loads(record.value)
    head = {
        "copy": NAME,
        "format": FORMAT,
        "revision": revision,
        "cluster": history["id"],
        "history": history["historyId"],
        "offset": history.get("offset", 0),
        "takenAt": timestamp(clock.now()),
        "etcd": await store.version(),
    }
    write(orjson.dumps(head) + b"\n")
    now = clock.now()
    ends = await store.lifetimes(revision=revision)
    count = 0
    async for one in _records(store, revision=revision):
        left = ends.get(one.key)
        until = now + datetime.timedelta(seconds=left) if left is not None else None
        write(orjson.dumps(_line(one, until)) + b"\n")
        count += 1
    write(orjson.dumps({"records": count}) + b"\n")
    return count


def read(lines: Iterable[bytes]) -> Copy:
    """The copy in these lines. Raises CopyDamaged."""
    seen = hashlib.sha256()
    try:
        iterator = iter(lines)
        history, kept, told = _head(_noted(iterator, seen)), [], -1
        while line := _noted(iterator, seen):
            if told >= 0:
                raise CopyDamaged("something follows the end of the copy")
            if "records" in line:
                told = line["records"]
            else:
                kept.append(_kept(line))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise error if isinstance(error, CopyDamaged) else CopyDamaged(f"it is damaged: {error}") from None
    if told != len(kept):
        raise CopyDamaged(f"it is cut short: {len(kept)} records are there")
    return Copy(history, tuple(kept), seen.hexdigest())


async def load(store: Store, copy: Copy, *, clock: Clock) -> int:
    """Bring a copy into a store that holds nothing, and begin its next history; how many keys it has then.

    Raises StoreRefused where there is anything but what an interrupted `load` has left.
    """
    now = clock.now()
    kept = [one for one in copy.kept if one.until is None or one.until > now]
    if await _is_loaded(store, copy):
        return len(kept)  # and nobody was told
    await _claim(store, copy)
    for writes in transactions(kept, now):
        await store.commit(expect={}, writes=writes)
    await _compare(store, kept)
    await Lineage(store, clock).resume(copy.history, copy=copy.digest, also=[Delete(codec.LOADING)])
    return len(kept)


def transactions(kept: Iterable[Kept], now: datetime.datetime) -> Iterator[list[Put]]:
    """What is written together, in the order in which it was made. VPSes that wait for a node do so in the
    order of their first revisions, then of keys: so none shares one with another that came before it and
    has a later key."""
    batch: list[Put] = []
    size, last = 0, ""
    for one in sorted(kept, key=lambda one: (one.created, one.key)):
        is_vps = one.key.startswith(_VPSES)
        overtakes = is_vps and one.key < last
        if batch and (overtakes or len(batch) == _AT_ONCE or size + len(one.value) > _BYTES):
            yield batch
            batch, size, last = [], 0, ""
        batch.append(Put(one.key, one.value, ttl=_left(one, now)))
        size += len(one.value)
        last = one.key if is_vps else last
    if batch:
        yield batch


def _left(one: Kept, now: datetime.datetime) -> float | None:
    if one.until is None:
        return None
    return math.ceil((one.until - now).total_seconds() / _COARSE) * _COARSE


async def _cluster(store: Store) -> tuple[Record, int]:
    found, revision = await store.get_many([codec.CLUSTER, codec.LOADING])
    if found[1] is not None:
        raise StoreRefused(
            "a backup is being loaded into this store", hint="wait for its end, or do it again"
        )
    if found[0] is None:
        raise StoreRefused(
            "this store holds no cluster yet", hint="does --etcd-prefix name the right part of it?"
        )
    return found[0], revision


async def _records(store: Store, *, revision: int = 0) -> AsyncIterator[Record]:
    """All that is copied, in the order of keys, a page after the other."""
    after: str | None = None
    page: Page | None = None
    while page is None or page.more:
        page = await store.list("", revision=revision, limit=_PAGE, after=after)
        revision = revision or page.revision
        for record in page.records:
            if not record.key.startswith(LEFT_OUT):
                yield record
        after = page.records[-1].key if page.records else None
        if after is None:
            return


def _line(record: Record, until: datetime.datetime | None) -> dict[str, Any]:
    line: dict[str, Any] = {"key": record.key, "created": record.created}
    try:
        line["text"] = record.value.decode()
    except UnicodeDecodeError:
        line["base64"] = base64.b64encode(record.value).decode()
    return line if until is None else line | {"until": timestamp(until)}


def _noted(lines: Iterator[bytes], seen: Any) -> dict[str, Any]:
    """The next line; nothing at the end."""
    line = next(lines, b"")
    seen.update(line)
    found: dict[str, Any] = orjson.loads(line) if line.strip() else {}
    return found


def _head(line: dict[str, Any]) -> History:
    if line.get("copy") != NAME:
        raise CopyDamaged("it is not a copy of a KohakuRiver store")
    if line["format"] > FORMAT:
        raise CopyDamaged("a later version of KohakuRiver has made it, which is needed to read it")
    return History(str(line["cluster"]), str(line["history"]), int(line["offset"]))


def _kept(line: dict[str, Any]) -> Kept:
    value = line["text"].encode() if "text" in line else base64.b64decode(line["base64"], validate=True)
    until = datetime.datetime.fromisoformat(line["until"]) if "until" in line else None
    return Kept(str(line["key"]), value, int(line["created"]), until)


async def _is_loaded(store: Store, copy: Copy) -> bool:
    record = await store.get(codec.CLUSTER)
    return record is not None and orjson.loads(record.value).get("copy") == copy.digest


async def _claim(store: Store, copy: Copy) -> None:
    """Make the store ours: empty, but for the mark that a backup is being loaded."""
    found = (await store.list("", limit=2)).records
    mark = Put(codec.LOADING, copy.digest.encode())
    if not found:
        await store.commit(expect={codec.LOADING: 0}, writes=[mark])
        return
    held = await store.get(codec.LOADING)
    if held is None:
        raise StoreRefused(
            f"the store holds {found[0].key} and more already; a backup is loaded into an empty one alone",
            hint="start etcd on an empty data directory, or name another --etcd-prefix",
        )
    left = [one.key async for one in _records(store)]
    for at in range(0, len(left), _AT_ONCE):
        deletes = [Delete(key) for key in left[at : at + _AT_ONCE]]
        await store.commit(expect={codec.LOADING: held.revision}, writes=deletes)
    await store.commit(expect={codec.LOADING: held.revision}, writes=[mark])


async def _compare(store: Store, kept: Iterable[Kept]) -> None:
    """Whether all is there, byte for byte. Raises StoreError."""
    wanted = {one.key: (one.value, one.until) for one in kept}
    async for record in _records(store):
        value, _ = wanted.pop(record.key, (None, None))
        if value != record.value:
            raise StoreError(f"{record.key} is not as the backup has it: somebody else writes to this store")
    lost = [key for key, (_, until) in wanted.items() if until is None]
    if lost:
        raise StoreError(f"{lost[0]} was written and is not there: somebody else writes to this store")
