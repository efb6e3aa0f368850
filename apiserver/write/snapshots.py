"""The end of Snapshots: when our finalizer goes, and what becomes of those on a node that is given up.

    DELETE ── marked ── the node's agent removes the files ── finish ── gone
                 └── the node is not registered, or silent and the delete forced ── gone

Each is one transaction that compares what it was decided from: the Snapshot, the Node, the agent's Lease.
"""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping
from typing import Any

from kohakuriver.apiserver import backing
from kohakuriver.apiserver.admission.vps_rules import set_finalizers
from kohakuriver.apiserver.auth import sight
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, notices
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.objects import metadata, objects, owners, speaking
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds
from kohakuriver.resources.snapshot import Phase

Json = dict[str, Any]

_AT_ONCE = 500  # Snapshots read in one go
_SILENT = "Unknown"  # the status of a Node's condition Ready, once its Lease has run out


@dataclasses.dataclass(frozen=True, slots=True)
class Marked:
    """A Snapshot whose deletion was asked for, and what the commit compares besides it."""

    object: Json
    expect: Mapping[str, int]
    warnings: tuple[str, ...] = ()


async def finish(server: Backing, call: Call, body: Json) -> Written:
    """The node's agent has removed the files: our finalizer goes, and the object if nothing else keeps it."""

    async def decide(records: Records) -> Step:
        speaking.expect(call.user, records)
        record = records[call.key]
        if record is None:
            raise objects.not_found(kinds.SNAPSHOT, call.name)
        snapshot = codec.decode(record)
        sight.check(call.user, kinds.SNAPSHOT, snapshot)
        fields = snapshot["metadata"]
        if fields["uid"] != body["uid"]:
            raise objects.not_found(kinds.SNAPSHOT, call.name)  # what the agent has removed is gone
        if body.get("resourceVersion"):
            metadata.check_version(kinds.SNAPSHOT, fields, body["resourceVersion"])
        if not fields.get("deletionTimestamp"):
            raise objects.conflict(
                kinds.SNAPSHOT, call.name, "it is not being deleted", hint="keep its files; read it again"
            )
        if metadata.FILES_FINALIZER not in (fields.get("finalizers") or ()):
            return Step(snapshot)  # the answer was lost, and something else keeps it
        return _let_go(call.key, snapshot)

    keys = (call.key, *speaking.keys(call.user))
    return await transact(server, keys, decide, about=(kinds.SNAPSHOT, call.name), from_memory=True)


async def deleted(server: Backing, marked: Json, *, forced: bool) -> Marked:
    """Without our finalizer where no agent will remove the files; else as it is."""
    if metadata.FILES_FINALIZER not in (marked["metadata"].get("finalizers") or ()):
        return Marked(marked, {})
    node = _node_of(marked)
    if not node:  # nonsense in the store: no agent takes it for its own
        return Marked(_without_finalizer(marked), {})
    key = grants.node_key(node)
    record = (await backing.read(server, (key,)))[key]
    if record is None:
        return Marked(_without_finalizer(marked), {key: 0})
    if forced and _is_silent(codec.decode(record)):
        words = f"node {node} does not answer: the files of this Snapshot stay on its disk if it comes back"
        return Marked(_without_finalizer(marked), {key: record.revision}, (words,))
    return Marked(marked, {})


async def give_up(server: Backing, call: Call) -> None:
    """The node that the call names is given up with everything on it: its Snapshots say so, and those that
    wait for it to be deleted go. One transaction each; the same again finds nothing left to do."""
    async for namespace, name in _on(server, call.name):
        await _give_up(server, Call(call.user, kinds.SNAPSHOT, namespace, name), node=call.name)


async def _give_up(server: Backing, call: Call, *, node: str) -> None:
    now = timestamp(server.clock.now())

    async def decide(records: Records) -> Step:
        record = records[call.key]
        snapshot = codec.decode(record) if record is not None else {}
        if record is None or _node_of(snapshot) != node:
            return Step(snapshot)
        if snapshot["metadata"].get("deletionTimestamp"):
            return _let_go(call.key, snapshot)
        said = objects.status_of(snapshot)
        if said.get("phase") in (Phase.FAILED, Phase.LOST):
            return Step(snapshot)
        is_ready = said.get("phase") == Phase.READY
        words = f"node {node} was given up by {call.user.name}: " + (
            "the files of the Snapshot there are gone" if is_ready else "the files were not taken"
        )
        phase = Phase.LOST if is_ready else Phase.FAILED
        new = {**snapshot, "status": {**said, "phase": phase.value, "message": words}}
        notice = notices.warning(new, reason="NodeForgotten", message=words, now=now, kind=kinds.SNAPSHOT)
        return Step(new, (Put(call.key, codec.encode(new)), notice))

    await transact(server, (call.key,), decide, about=(kinds.SNAPSHOT, call.name))


def _let_go(key: str, snapshot: Json) -> Step:
    new = _without_finalizer(snapshot)
    gone = objects.is_due(new)
    return Step(new, (Delete(key) if gone else Put(key, codec.encode(new)),), removed=gone)


def _without_finalizer(snapshot: Json) -> Json:
    new = {**snapshot, "metadata": dict(snapshot["metadata"])}
    set_finalizers(new, without=metadata.FILES_FINALIZER)
    return new


def _node_of(snapshot: Json) -> str:
    """The node that has the files; empty where what is stored does not say."""
    with contextlib.suppress(*codec.NONSENSE):
        node = snapshot["spec"]["vps"]["node"]
        return node if isinstance(node, str) else ""
    return ""


def _is_silent(node: Json) -> bool:
    """Whether nobody hears from the node's agent: one that says itself that it is not ready does its part."""
    conditions = objects.conditions_of(objects.status_of(node))
    ready = next((one for one in conditions if one["type"] == owners.NODE_READY), None)
    return ready is None or ready["status"] == _SILENT


async def _on(server: Backing, node: str) -> AsyncIterator[tuple[str, str]]:
    """Namespace and name of every Snapshot that lies on the node, read from the store."""
    prefix = codec.prefix(kinds.SNAPSHOT)
    after: str | None = None
    more = True
    while more:
        page = await server.store.list(prefix, limit=_AT_ONCE, after=after)
        for record in page.records:
            with contextlib.suppress(*codec.NONSENSE):
                if _node_of(codec.decode(record)) == node:
                    namespace, _, name = record.key.removeprefix(prefix).partition("/")
                    yield namespace, name
        more, after = page.more, page.records[-1].key if page.records else None
