"""GET one and GET many.

One object is read from the store, so that it is never stale. Lists come from the cache, which first
catches up with the store; further pages and exact revisions come from the store, at the revision of the
first page. What a credential may see is narrowed by its scope. Writes nothing.
"""

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import orjson

from kohakuriver.apiserver.cache import turns
from kohakuriver.apiserver.cache.entry import Entry, entry_of
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.limits.shares import Holding, Share
from kohakuriver.apiserver.objects import objects, selectors
from kohakuriver.apiserver.objects.query import ListQuery, Resume
from kohakuriver.apiserver.printers.forms import Form
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record, StoreCompacted, StoreFuture
from kohakuriver.errors import BadRequest, Cause, Expired, OutcomeUnknown
from kohakuriver.resources.kinds import ResourceType

T = TypeVar("T")

ROWS_AT_ONCE = 100  # made between two turns of the event loop
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
    server: Server,
    resource: ResourceType,
    query: ListQuery,
    *,
    namespace: str | None,
    share: Share,
    holding: Holding,
) -> Listing:
    """Many objects at one revision, held until they are sent. Raises Unavailable, Expired, OutcomeUnknown,
    TooManyRequests."""
    if query.exact is not None:
        at = query.exact
        return await _from_store(
            server, resource, query, at, namespace=namespace, share=share, holding=holding
        )
    await catch_up(server, query.revision)
    candidates = server.cache.kinds[resource].candidates(query.selection)
    revision = server.cache.revision
    entries = await matching(candidates, query.selection, share)
    shown = entries[: query.limit] if query.limit else entries
    size = sum(len(entry.raw) for entry in shown)
    share.charge(weights.sending(size))
    holding.add(size)
    if len(shown) == len(entries):
        return Listing(revision, entries)
    remaining = len(entries) - query.limit if _unfiltered(query) else None
    return Listing(revision, shown, Resume(revision, shown[-1].key), remaining)


async def matching(
    candidates: Sequence[Entry], selection: selectors.Selection, share: Share
) -> Sequence[Entry]:
    """Those that are meant, a few in each turn of the loop. Raises TooManyRequests before it begins."""
    if selection.everything:
        return candidates
    share.charge(weights.matching(len(candidates), selection.requirements))
    step = weights.at_once(selection.requirements, weights.COMPARISONS_AT_ONCE)
    found: list[Entry] = []
    for start in range(0, len(candidates), step):
        if len(candidates) > step:
            await share.turn()
        found += [entry for entry in candidates[start : start + step] if entry.matches(selection)]
    return found


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


async def rows(form: Form, listing: Listing, now: datetime.datetime, share: Share) -> list[bytes]:
    """The items of a list in the form asked for; others get their turn meanwhile."""
    raws = [entry.raw for entry in listing.entries]
    if not form.costly:
        return raws
    made: list[bytes] = []
    for piece in _pieces(raws, size=len):
        await share.turn()
        made += form.rows(piece, now)
    return made


def _pieces(items: Sequence[T], *, size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """As many as one turn of the loop may decode."""
    start, together = 0, 0
    for number, item in enumerate(items, 1):
        together += size(item)
        if number - start >= ROWS_AT_ONCE or together >= weights.BYTES_AT_ONCE or number == len(items):
            yield items[start:number]
            start, together = number, 0


async def _from_store(
    server: Server,
    resource: ResourceType,
    query: ListQuery,
    revision: int,
    *,
    namespace: str | None,
    share: Share,
    holding: Holding,
) -> Listing:
    """A page at an exact revision, filled up to its limit where a selector leaves things out."""
    prefix, after = codec.prefix(resource, namespace), query.resume.after if query.resume else None
    if after is not None and not after.startswith(prefix):
        raise BadRequest("continue key is not valid: it belongs to another list", hint="list from the start")
    found: list[Entry] = []
    step = max(query.limit, 0 if _unfiltered(query) else PAGE_AT_LEAST) if query.limit else ROWS_AT_ONCE
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
        for piece in _pieces(page.records, size=lambda record: len(record.value)):
            await share.turn()
            entries = [entry for record in piece if (entry := _known(resource, record)) is not None]
            meant = [entry for entry in entries if entry.matches(query.selection)]
            share.owe(weights.decoding(sum(len(entry.raw) for entry in entries)))
            share.owe(weights.matching(len(entries), query.selection.requirements))
            holding.add(sum(len(entry.raw) for entry in meant))
            found += meant
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
