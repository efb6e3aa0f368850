"""GET one and GET many.

One object is read from the store, so that it is never stale. Lists come from the cache, which first
catches up with the store; further pages and exact revisions come from the store, at the revision of the
first page. What a credential may see is narrowed by its scope. Writes nothing.
"""

import asyncio
import dataclasses
import datetime
import functools
from collections.abc import Sequence
from typing import Any

import orjson

from apiserver import codec
from apiserver.admitting import access
from apiserver.admitting.identity import User
from apiserver.caching import turns
from apiserver.caching.entry import Entry, entry_of
from apiserver.context import Server
from apiserver.reading import selectors
from apiserver.reading.query import ListQuery, Resume
from apiserver.serving.forms import Form
from apiserver.store.base import Record, StoreCompacted, StoreFuture
from apiserver.writing import objects
from kohakuriver.errors import BadRequest, Cause, Expired, OutcomeUnknown
from kohakuriver.resources.kinds import ResourceType

ROWS_AT_ONCE = 200  # made between two turns of the event loop
PAGE_AT_LEAST = 100  # objects read from the store at a time when most may be filtered out


@dataclasses.dataclass(frozen=True)
class Listing:
    """Objects as of one revision; `resume` when there are more."""

    revision: int
    entries: Sequence[Entry]
    resume: Resume | None = None
    remaining: int | None = None

    def metadata(self) -> dict[str, Any]:
        """The list's ListMeta."""
        content: dict[str, Any] = {"resourceVersion": str(self.revision)}
        if self.resume is not None:
            content["continue"] = self.resume.to_token()
        if self.remaining is not None:
            content["remainingItemCount"] = self.remaining
        return content


async def get(
    server: Server, user: User, resource: ResourceType, *, namespace: str | None, name: str
) -> Entry:
    """One object as it is now. Raises NotFound, also for what the credential may not see."""
    record = await server.store.get(codec.key(resource, namespace, name))
    entry = _known(resource, record) if record is not None else None
    scope = access.scope(user, resource, namespace)
    if entry is None or (scope and not entry.matches(selectors.select(resource, fields=(scope,)))):
        raise objects.not_found(resource, name)
    return _with_its_turn(server, resource, entry)


def _with_its_turn(server: Server, resource: ResourceType, entry: Entry) -> Entry:
    """Where a VPS waits for a node, its message says its place as well, which is stored nowhere."""
    said = _place(server, resource, entry.turn)
    return dataclasses.replace(entry, raw=orjson.dumps(_saying(entry.decoded(), said))) if said else entry


def as_got(server: Server, resource: ResourceType, obj: dict[str, Any]) -> dict[str, Any]:
    """What a write has left, or would leave, as a GET shows it: kubectl compares the two."""
    fields = obj["metadata"]
    key = codec.key(resource, fields.get("namespace"), fields["name"])
    known = server.cache.kinds[resource].get(key)
    if known is None or known.turn is None:
        return obj
    said = _place(server, resource, turns.turn_of(resource, obj, key=key, created=known.turn.created))
    return _saying(obj, said) if said else obj


def _place(server: Server, resource: ResourceType, turn: turns.Turn | None) -> str:
    return turns.words(*server.cache.kinds[resource].turns.place(turn)) if turn is not None else ""


def _saying(obj: dict[str, Any], said: str) -> dict[str, Any]:
    status = obj["status"]
    return {
        **obj,
        "status": {**status, "message": "; ".join(filter(None, (str(status.get("message") or ""), said)))},
    }


async def list_(
    server: Server, resource: ResourceType, query: ListQuery, *, namespace: str | None
) -> Listing:
    """Many objects at one revision. Raises Unavailable, Expired, OutcomeUnknown."""
    if query.exact is not None:
        return await _from_store(server, resource, query, query.exact, namespace=namespace)
    await catch_up(server, query.revision)
    entries = list(server.cache.kinds[resource].select(query.selection))
    revision = server.cache.revision
    if not query.limit or len(entries) <= query.limit:
        return Listing(revision, entries)
    shown = entries[: query.limit]
    remaining = len(entries) - query.limit if _unfiltered(query) else None
    return Listing(revision, shown, Resume(revision, shown[-1].key), remaining)


async def catch_up(server: Server, revision: int | None) -> None:
    """Wait until the cache may answer: for the newest state, for a revision, or (0) for anything."""
    server.cache.check_ready()
    if revision is None:
        await server.cache.fresh()
    elif not await server.cache.wait_for(revision):
        raise OutcomeUnknown(
            f"Too large resource version: {revision}, current: {server.cache.revision}",
            causes=(Cause("", "Too large resource version", "ResourceVersionTooLarge"),),
            hint="try again, or list without a resourceVersion",
            retry_after=1,
        )


async def rendered(form: Form, listing: Listing, now: datetime.datetime) -> bytes:
    """A list in the form asked for; others get their turn meanwhile."""
    raws = [entry.raw for entry in listing.entries]
    if not form.costly:
        return form.whole(raws, listing.metadata())
    rows: list[bytes] = []
    for start in range(0, len(raws), ROWS_AT_ONCE):
        rows += form.rows(raws[start : start + ROWS_AT_ONCE], now)
        await asyncio.sleep(0)
    return form.whole(rows, listing.metadata())


async def _from_store(
    server: Server, resource: ResourceType, query: ListQuery, revision: int, *, namespace: str | None
) -> Listing:
    """A page at an exact revision, filled up to its limit where a selector leaves things out."""
    prefix, after = codec.prefix(resource, namespace), query.resume.after if query.resume else None
    if after is not None and not after.startswith(prefix):
        raise BadRequest("continue key is not valid: it belongs to another list", hint="list from the start")
    found: list[Entry] = []
    step = max(query.limit, 0 if _unfiltered(query) else PAGE_AT_LEAST) if query.limit else 0
    more = True
    while more and not (query.limit and len(found) >= query.limit):
        try:
            page = await server.store.list(prefix, revision=revision, limit=step, after=after)
        except StoreCompacted as error:
            raise Expired(
                f"The provided continue parameter or resource version is too old: {revision}",
                hint="list from the start",
            ) from error
        except StoreFuture as error:
            raise OutcomeUnknown(
                f"Too large resource version: {revision}", hint="try again", retry_after=1
            ) from error
        for start in range(0, len(page.records), ROWS_AT_ONCE):
            entries = map(functools.partial(_known, resource), page.records[start : start + ROWS_AT_ONCE])
            found += [entry for entry in entries if entry is not None and entry.matches(query.selection)]
            await asyncio.sleep(0)
        more, after = page.more, page.records[-1].key if page.records else after
    cut = found[: query.limit] if query.limit else found
    unfinished = more or len(cut) < len(found)
    return Listing(revision, cut, Resume(revision, cut[-1].key) if unfinished and cut else None)


def _known(resource: ResourceType, record: Record) -> Entry | None:
    """What holds no object is passed over, as the cache does, which has said so in its log."""
    try:
        return entry_of(resource, record)
    except codec.Unreadable:
        return None


def _unfiltered(query: ListQuery) -> bool:
    """Whether nothing but the namespace narrows the list."""
    fields = query.selection.fields
    return not query.selection.labels and all(field.key == "metadata.namespace" for field in fields)
