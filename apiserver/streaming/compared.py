"""Which Snapshot the files of a VPS are compared with, for the agent of the node that has both.

A visitor names one of the VPS's namespace; the agent is told its uid and the volumes in it, and believes no
name. Nothing else that a visitor asks for reaches the agent.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from kohakuriver import errors
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.read import read
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming.reach import Target
from kohakuriver.resources import kinds
from kohakuriver.resources.snapshot import Phase

KIND: Final = "changes"


async def meant(call: Call, found: Target, query: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """What the agent is told. Raises NotFound, Forbidden, and Conflict for one that cannot be compared."""
    named = query.get("snapshot") or ()
    if not named or not named[-1]:
        return {}
    name = named[-1]
    access.check(call.user, access.Attributes("get", kinds.SNAPSHOT, None, call.namespace, name))
    entry = await read.get(call.server, call.user, kinds.SNAPSHOT, namespace=call.namespace, name=name)
    snapshot = orjson.loads(entry.raw)
    status, node = objects.status_of(snapshot), snapshot["spec"]["vps"].get("node")
    if status.get("phase") != Phase.READY:
        how = status.get("message") or "it is still being taken"
        raise errors.Conflict(
            f"Snapshot {name} has no files to compare with: {how}",
            hint=f"see how it stands: kohakuriver describe snapshot {name}",
        )
    if node != found.node:
        raise errors.Conflict(
            f"Snapshot {name} is on node {node}, and {call.name} on {found.node}: they cannot be compared",
            hint="name a Snapshot of that node: kohakuriver vps snapshots -o wide",
        )
    volumes = [
        {field: one[field] for field in ("name", "target") if field in one}
        for one in status.get("volumes") or ()
    ]
    return {"snapshot": (snapshot["metadata"]["uid"],), "volumes": (orjson.dumps(volumes).decode(),)}
