"""The watch loop on etcd's raw Watch stream: one stream per watch, whole revisions or an error.

etcd is not asked to fragment, so each message holds complete revisions. Nor is it asked for
progress notices, which could overtake events before 3.4.25 and 3.5.8: a batch's revision is that
of its last event. This loop never reopens a stream; what follows it decides from where.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from aetcd import rpc

from kohakuriver.apiserver.store.base import Batch, StoreCompacted
from kohakuriver.apiserver.store.channel import Link, Wire
from kohakuriver.apiserver.store.fault import unavailable
from kohakuriver.apiserver.store.keyspace import Keyspace


async def follow(wire: Wire, space: Keyspace, prefix: str, *, start: int) -> AsyncIterator[Batch]:
    """Batches from revision `start` on, until the stream breaks or the consumer closes this."""
    deadline = asyncio.get_running_loop().time() + wire.timeout
    link = await wire.ready(deadline)
    call = link.watch.Watch(metadata=await wire.metadata(link, deadline))
    try:
        await _create(wire, link, call, _request(space, prefix, start))
        while True:
            batch = _batch(await _read(wire, link, call), space, start)
            if batch.changes:
                yield batch
    finally:
        call.cancel()


def _request(space: Keyspace, prefix: str, start: int) -> Any:
    key, range_end = space.span(prefix)
    # One revision early, and that one dropped: etcd takes a start that equals the compacted
    # revision, though the deletions made in that revision may be gone.
    create = rpc.WatchCreateRequest(key=key, range_end=range_end, start_revision=max(start - 1, 1))
    return rpc.WatchRequest(create_request=create)


async def _create(wire: Wire, link: Link, call: Any, request: Any) -> None:
    try:
        async with asyncio.timeout(wire.timeout):
            with wire.edge(link):
                await call.write(request)
            reply = await _read(wire, link, call)
    except TimeoutError as error:
        raise unavailable(link.endpoint, "it did not open the watch in time") from error
    if not reply.created:
        raise unavailable(link.endpoint, "it answered a watch with something else")


async def _read(wire: Wire, link: Link, call: Any) -> Any:
    with wire.edge(link):
        reply = await call.read()
    if reply is grpc.aio.EOF:
        raise unavailable(link.endpoint, "it ended the watch")
    if reply.compact_revision:
        raise StoreCompacted(reply.compact_revision)
    if reply.canceled:
        raise unavailable(link.endpoint, f"it cancelled the watch: {reply.cancel_reason}")
    return reply


def _batch(reply: Any, space: Keyspace, start: int) -> Batch:
    changes = tuple(space.change(event) for event in reply.events if event.kv.mod_revision >= start)
    return Batch(revision=changes[-1].revision if changes else 0, changes=changes)
