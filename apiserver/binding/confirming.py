"""`POST nodeallocations/NAME/confirm`: the node's agent says that a tombstone's container is gone.

With that the booking ends (CORRECTNESS 4), and nothing else ends it but giving up the whole node. The server
tells it as an Event of the VPS, of which its node may not speak any more.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import notices, turns
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.objects import objects, speaking
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]


async def confirm(server: Backing, call: Call, body: Json) -> Written:
    """End one tombstone, and answer with the record. One that has ended already is no mistake."""
    user, name = call.user, call.name
    if user.node != name:
        raise errors.Forbidden(
            f'nodeallocations.kohakuriver.io "{name}" is forbidden: only the agent of {name} may confirm',
            hint="bring the node back; if it is destroyed, end its tombstones: kohakuriver node forget",
            details=objects.reference(kinds.NODE_ALLOCATION, name),
        )
    key = call.key

    async def decide(records: Records) -> Step:
        speaking.expect(user, records)
        record = records[key]
        if record is None:
            raise objects.not_found(kinds.NODE_ALLOCATION, name)
        allocation = codec.decode(record)
        if not _stands(name, allocation, body):
            return Step(allocation)
        freed = booking.free(allocation, body["uid"])
        told = await _told(server, name, allocation, body)
        return Step(freed, (Put(key, codec.encode(freed)), *told))

    async with turns.turn(server.store, name):
        return await transact(
            server, (key, *speaking.keys(user)), decide, about=(kinds.NODE_ALLOCATION, name)
        )


def _stands(name: str, allocation: Json, body: Json) -> bool:
    """Whether there is such a tombstone. Raises Conflict for what is booked and none."""
    entry = (allocation.get("bookings") or {}).get(body["uid"])
    if entry is None:
        return False
    why = ""
    if not entry.get("tombstone"):
        why = f"what is booked for uid {body['uid']} is not a tombstone"
    elif entry["epoch"] != body["epoch"]:
        why = f"the tombstone is of placement {entry['epoch']}, not of {body['epoch']}"
    if why:
        raise objects.conflict(
            kinds.NODE_ALLOCATION, name, why, hint="read the record and the VPS again; leave its container"
        )
    return True


async def _told(server: Backing, name: str, allocation: Json, body: Json) -> list[Put]:
    """The end as an Event, if the namespace of the VPS is there still."""
    entry = allocation["bookings"][body["uid"]]
    fields = {"namespace": entry["namespace"], "name": entry["name"], "uid": body["uid"]}
    if await server.store.get(codec.key(kinds.NAMESPACE, None, fields["namespace"])) is None:
        return []
    said = (
        f"node {name} confirmed that no container is left of placement {body['epoch']}, "
        f"which was given up: {entry['tombstone']['why']}"
    )
    now = timestamp(server.clock.now())
    return [notices.normal(fields, reason="TombstoneEnded", message=said, now=now)]
