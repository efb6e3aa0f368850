"""Collects what has lost its owners: an object all of whose owners are gone is deleted like by anybody else.

The cache only says where to look. Dependent and owners are read from the store before anything is done, and
an owner of a kind that is not served here is taken to be there. Every API server does this; each delete names
the uid and the version that was judged, so that a second one finds nothing to do.

A Snapshot whose deletion waits for a node that has been deleted meanwhile goes in the same way: nobody else
would ask for it again.
"""

import asyncio
import contextlib
import dataclasses
import logging
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import DeleteOptions, WriteOptions, Written
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.objects.selectors import Selection
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import StoreError
from kohakuriver.apiserver.write import patch, removal, write
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

LOG = logging.getLogger(__name__)

Json = dict[str, Any]

EVERY = 30.0  # seconds between two looks at what has changed, beside those at once when an owner has gone
COLLECTOR = User("garbage-collector", Role.ADMIN)


class Collection:
    """One server's part in it."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def run(self) -> None:
        """Until cancelled."""
        orphaned = self._server.cache.owned.orphaned
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await orphaned.wait()
            orphaned.clear()
            await self.step()

    async def step(self) -> None:
        """Look at each object that names an owner and has changed since, or whose owner has gone."""
        owned = self._server.cache.owned
        for key in owned.unjudged():
            try:
                await self._judge(key)
            except (errors.NotFound, errors.Conflict):
                owned.judge_again(key)  # somebody else has changed it
            except (errors.ApiError, StoreError, *codec.NONSENSE) as error:
                owned.judge_again(key)
                LOG.warning("an object without owner was left", extra={"key": key, "error": str(error)})
        for key in self._abandoned():
            try:
                await self._delete_again(key)
            except (errors.NotFound, errors.Conflict):
                pass  # somebody else has changed it: the next look tells
            except (errors.ApiError, StoreError, *codec.NONSENSE) as error:
                LOG.warning("a Snapshot of no node was left", extra={"key": key, "error": str(error)})

    async def _judge(self, key: str) -> None:
        found = await _read(self._server, key)
        if found is None or found[1]["metadata"].get("deletionTimestamp"):
            return
        resource, dependent = found
        references = dependent["metadata"].get("ownerReferences") or []
        present = [owner for owner in references if await self._is_there(resource, dependent, owner)]
        if len(present) == len(references):
            return
        if present:
            await _keep_owners(self._server, resource, dependent, present)
            return
        fields = dependent["metadata"]
        judged = DeleteOptions(uid=fields["uid"], resource_version=fields["resourceVersion"])
        await removal.delete(self._server, _call(resource, fields), judged)
        LOG.info("deleted what had lost its owners", extra={"key": key})

    def _abandoned(self) -> list[str]:
        """Snapshots on nodes that are not registered."""
        nodes = self._server.cache.kinds[kinds.NODE]
        return [
            entry.key
            for entry in self._server.cache.kinds[kinds.SNAPSHOT].candidates(Selection())
            if nodes.get(codec.key(kinds.NODE, None, entry.fields["spec.vps.node"])) is None
            and entry.decoded()["metadata"].get("deletionTimestamp")
        ]

    async def _delete_again(self, key: str) -> None:
        found = await _read(self._server, key)
        if found is not None and (fields := found[1]["metadata"]).get("deletionTimestamp"):
            judged = DeleteOptions(uid=fields["uid"], resource_version=fields["resourceVersion"])
            await removal.delete(self._server, _call(kinds.SNAPSHOT, fields), judged)

    async def _is_there(self, resource: ResourceType, dependent: Json, owner: Json) -> bool:
        """Whether the owner is; also if that cannot be known from here."""
        kind = kinds.by_kind(owner["apiVersion"], owner["kind"])
        namespace = dependent["metadata"].get("namespace")
        if kind is None or (kind.namespaced and not resource.namespaced):
            return True
        key = codec.key(kind, namespace if kind.namespaced else None, owner["name"])
        record = await self._server.store.get(key)
        return record is not None and codec.decode(record)["metadata"].get("uid") == owner["uid"]


async def delete(server: Server, call: Call, options: DeleteOptions) -> Written:
    """DELETE as a client asks for it. One that orphans releases the dependents first, or they would go."""
    if options.orphan and not options.dry_run:
        would = await removal.delete(server, call, dataclasses.replace(options, dry_run=True))
        await release(server, would.object)
    return await removal.delete(server, call, options)


async def release(server: Server, owner: Json) -> None:
    """Before an owner goes whose dependents shall stay: they forget it."""
    await server.cache.fresh()
    uid = owner["metadata"]["uid"]
    for key in server.cache.owned.by(uid):
        found = await _read(server, key)
        if found is not None:
            references = found[1]["metadata"].get("ownerReferences") or []
            await _keep_owners(server, *found, [other for other in references if other["uid"] != uid])


async def _keep_owners(server: Server, resource: ResourceType, dependent: Json, owners: list[Json]) -> None:
    fields = dependent["metadata"]
    named = {name: fields[name] for name in ("uid", "resourceVersion")}
    body = {"metadata": {**named, "ownerReferences": owners}}
    await write.patch(server, _call(resource, fields), patch.MERGE, body)


def _call(resource: ResourceType, fields: Json) -> Call:
    """One of this server's own."""
    options = WriteOptions(field_manager=COLLECTOR.name)
    return Call(COLLECTOR, resource, fields.get("namespace"), fields["name"], options=options)


async def _read(server: Server, key: str) -> tuple[ResourceType, Json] | None:
    """An object as it is, with its kind; None if it is gone."""
    plural = codec.plural_of(key)
    resource = next((one for one in kinds.ALL if one.plural == plural), None)
    record = await server.store.get(key)
    return (resource, codec.decode(record)) if resource and record else None
