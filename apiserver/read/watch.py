"""The event stream: what is there or what was missed, then what happens, for one HTTP answer.

`open_watch` decides from where and may refuse with a Status; `lines` then yields the bytes to send. It
writes no HTTP: `stream.py` does.
"""

import dataclasses
import random
from collections.abc import AsyncGenerator, Iterable

from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.apiserver.cache.watchers import Watcher
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.limits.shares import Holding, Share
from kohakuriver.apiserver.objects.query import WatchQuery
from kohakuriver.apiserver.printers.forms import EventType, Form, line
from kohakuriver.apiserver.read import read
from kohakuriver.errors import ApiError, Expired
from kohakuriver.resources.kinds import ResourceType

BOOKMARK_EVERY = 30.0  # seconds; clients of ours take a minute without one for a dead connection
LASTS_AT_LEAST = 1800.0  # seconds where the client names no timeout; up to twice that, so that they spread
CHUNK = 256 * 1024  # bytes of objects that are there already, between two turns of the event loop
INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


@dataclasses.dataclass(frozen=True)
class OpenWatch:
    """A watch that has its place in the stream of events: nothing behind `since` will be missed."""

    watcher: Watcher
    since: int
    initial: list[Entry]  # empty once they are sent
    query: WatchQuery
    form: Form
    share: Share
    holding: Holding  # of what is there


async def open_watch(
    server: Server, resource: ResourceType, query: WatchQuery, form: Form, share: Share, holding: Holding
) -> OpenWatch:
    """Raises Expired, Unavailable, OutcomeUnknown, TooManyRequests."""
    await _check_history(server, query.revision)
    await read.catch_up(server, query.revision)
    kind, revision = server.cache.kinds[resource], server.cache.revision
    since = query.revision or revision
    if query.initial:
        since = revision
    candidates = kind.candidates(query.selection) if query.initial else []
    watcher = kind.follow(query.selection, since=since, share=share)
    try:
        initial = list(await read.matching(candidates, query.selection, share))
        holding.add(sum(len(entry.raw) for entry in initial))
    except BaseException:
        kind.watchers.remove(watcher)
        raise
    return OpenWatch(watcher, since, initial, query, form, share, holding)


async def _check_history(server: Server, revision: int | None) -> None:
    """A revision that the store itself has not come to is of before it was restored from a backup: what a
    watch from there missed cannot be told. Raises Expired, Unavailable."""
    server.cache.check_ready()
    if revision and revision > server.cache.revision:
        current = await server.cache.fresh()
        if current < revision:
            raise Expired(
                f"resourceVersion {revision} is ahead of the store, which is at {current}: was it restored?",
                hint="list again",
            )


def close_watch(server: Server, resource: ResourceType, opened: OpenWatch) -> None:
    server.cache.kinds[resource].watchers.remove(opened.watcher)


async def lines(server: Server, opened: OpenWatch) -> AsyncGenerator[bytes]:
    """Whole events, several at a time, until the watch's time is over or its end has come."""
    query, form, watcher = opened.query, opened.form, opened.watcher
    ends_at = server.clock.monotonic() + (query.timeout or LASTS_AT_LEAST * (1 + random.random()))  # noqa: S311
    for chunk in _initial(server, opened):
        yield chunk
        opened.share.owe(weights.sending(len(chunk)))
        await opened.share.turn()
    opened.initial.clear()
    opened.holding.clear()
    if query.closing_bookmark:
        yield form.bookmark(_version(opened.since) | {"annotations": INITIAL_EVENTS_END})
    bookmark_at = server.clock.monotonic() + BOOKMARK_EVERY
    while (now := server.clock.monotonic()) < ends_at:
        if query.bookmarks and now >= bookmark_at and watcher.idle:
            yield form.bookmark(_version(server.cache.revision))
            bookmark_at = now + BOOKMARK_EVERY
        deadline = min(ends_at, bookmark_at) if query.bookmarks else ends_at
        delivered = await watcher.next(max(deadline - now, 0.001))  # less may be no time at all
        if delivered:
            yield b"".join([event.line(type_, form) for type_, event in delivered])
        elif watcher.ended:
            if watcher.end is not None:
                yield error_line(watcher.end)
            return


def error_line(error: ApiError) -> bytes:
    """The event by which a watch says why it is over."""
    return line(EventType.ERROR, error.to_status())


def _initial(server: Server, opened: OpenWatch) -> Iterable[bytes]:
    """The objects that are there, as ADDED, in chunks."""
    now, chunk, size = server.clock.now(), list[bytes](), 0
    for entry in opened.initial:
        chunk.append(opened.form.event(EventType.ADDED, entry.raw, now))
        size += len(chunk[-1])
        if size >= CHUNK:
            yield b"".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield b"".join(chunk)


def _version(revision: int) -> dict[str, object]:
    return {"resourceVersion": str(revision), "creationTimestamp": None}
