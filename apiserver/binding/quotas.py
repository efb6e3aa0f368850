"""ResourceQuotas in the transactions that give: bind, regrant, adopt, and the resize of a bound VPS.

Whoever gives in a namespace compares that namespace's turn, a key that says nothing but when something was
last given there, and, where a quota limits what is booked, writes it. A write of a quota writes it too. So a
sum that is as new as the turn has everything in it that was given under any quota, and of two that give at
once, on whichever servers, one finds that the turn has moved. Giving back writes no turn: a sum that is late
there is too high, and nobody is refused before it is as new as the store.
"""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, TypeVar

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, turns
from kohakuriver.apiserver.binding.grants import Beside
from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Decide, Step
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record
from kohakuriver.resources import booked, kinds, quota
from kohakuriver.resources.booked import Amounts, Limit

Json = dict[str, Any]
Result = TypeVar("Result")

GIVES = frozenset({"bind", "regrant", "adopt"})
PATIENCE = (
    3.0  # seconds to wait for others of the namespace: each takes a commit and its way back on the watch
)
SHOWN_WITHIN = 0.5  # seconds in which the watch usually brings what was just committed


class Exceeded(errors.Invalid):
    """The 422 of a VPS for which its namespace has no room; nothing was changed."""


@contextlib.asynccontextmanager
async def turn(server: Backing, namespace: str) -> AsyncIterator[None]:
    """Wait for the others of this namespace, where a quota makes them meet."""
    if not server.quotas.limits(namespace):
        yield
        return
    async with turns.turn(server.store, grants.quota_key(namespace), patience=PATIENCE):
        yield


def took_turns(namespace: str | None, expect: Mapping[str, int]) -> bool:
    """Whether a write compares the turn of its namespace."""
    return namespace is not None and grants.quota_key(namespace) in expect


async def shown(server: Backing, namespace: str, written: Written) -> None:
    """Until the watch has brought what was given, so that the next in turn does not decide from before it."""
    if server.quotas.limits(namespace):
        await server.reached(int(written.object["metadata"]["resourceVersion"]), timeout=SHOWN_WITHIN)


def within(server: Backing, namespace: str, decide: Decide) -> Decide:
    """The same, if the namespace may book what is given. Raises Exceeded."""

    def decided(order: Order, records: Records) -> Step:
        step = decide(order, records)
        uid = step.object["metadata"]["uid"]
        more = _compared(server, namespace, order.name, uid, step.writes, records)
        return dataclasses.replace(step, writes=(*step.writes, *more)) if more else step

    return decided


async def resized(server: Backing, namespace: str, vps: Json, beside: Beside, records: Records) -> Beside:
    """What goes with a change of a bound VPS, if the namespace may book what it grows by. Raises Exceeded."""
    if grants.quota_key(namespace) not in beside.expect:
        return beside
    fields = vps["metadata"]

    def compared() -> tuple[Put, ...]:
        return _compared(server, namespace, fields["name"], fields["uid"], beside.writes, records)

    more = await decided(server, records, compared)
    return dataclasses.replace(beside, writes=(*beside.writes, *more))


async def decided(server: Backing, records: Records, decide: Callable[[], Result]) -> Result:
    """What is decided from a sum that is as new as the turn; and refused from one as new as the store."""
    await _caught_up(server, records)
    try:
        return decide()
    except Exceeded:
        await server.fresh()
        return decide()


def announced(resource: kinds.ResourceType, namespace: str | None) -> tuple[Put, ...]:
    """What is written with a quota, so that nobody gives any more who does not know it."""
    if resource is not kinds.RESOURCE_QUOTA or namespace is None:
        return ()
    return (_turn(namespace),)


async def _caught_up(server: Backing, records: Records) -> None:
    """Until this server knows all that was booked up to the turn that it has read. Raises Unavailable."""
    for key, record in records.items():
        is_turn = key.startswith(codec.QUOTA_TURNS)
        if record is not None and is_turn and not await server.reached(record.revision):
            raise errors.Unavailable(
                "this API server does not know yet what its namespace has booked: its watch is behind",
                hint="try again in a moment",
                retry_after=1,
            )


def _compared(
    server: Backing, namespace: str, name: str, uid: str, writes: Iterable[Put | Delete], records: Records
) -> tuple[Put, ...]:
    """What is written with what this VPS is given; Exceeded where its namespace may not book it."""
    limits = server.quotas.limits(namespace)
    put = next((one for one in writes if isinstance(one, Put) and one.key.startswith(_RECORDS)), None)
    if not limits or put is None:
        return ()
    before = _entry(records[put.key], uid)
    after = _entry(Record(put.key, put.value, 0, 0), uid)
    asks = booked.asks_for_disk(limits)
    if asks is not None and before is None and "disk" not in (after or {}):
        raise _exceeded(
            name,
            f"ResourceQuota {asks.quota} of namespace {namespace} limits {quota.DISK}: "
            "say in spec.resources.disk how much this VPS may take",
        )
    used, more = server.booked.of(namespace), Amounts.of(after) - Amounts.of(before)
    limit = booked.exceeded(used, more, limits)
    if limit is not None:
        raise _exceeded(name, _sentence(namespace, used, more, limit))
    return (_turn(namespace),) if more.grows() else ()


def _entry(record: Record | None, uid: str) -> Mapping[str, Any] | None:
    found = (codec.decode(record).get("bookings") or {}).get(uid) if record is not None else None
    return found if isinstance(found, dict) else None


def _sentence(namespace: str, used: Amounts, more: Amounts, limit: Limit) -> str:
    if limit.unreadable:
        return (
            f"ResourceQuota {limit.quota} of namespace {namespace} cannot be read ({limit.unreadable}): "
            "nothing is given there until it is corrected or deleted"
        )
    taken, wanted = used.get(limit.resource), more.get(limit.resource)
    needs = (
        "" if taken >= limit.most else f", and this VPS needs {booked.written(limit.resource, wanted)} more"
    )
    words = (booked.written(limit.resource, amount) for amount in (taken, limit.most))
    uses = f"namespace {namespace} uses {' of '.join(words)} {limit.resource}"
    return f"{uses}{needs} (ResourceQuota {limit.quota})"


def _exceeded(name: str, why: str) -> Exceeded:
    invalid = objects.invalid(kinds.VPS, name, errors.Cause("spec.resources", why, booked.EXCEEDED))
    return Exceeded(
        invalid.message,
        hint="stop or delete other VPSes there, ask for less, or have an administrator raise the quota",
        causes=invalid.causes,
        details=invalid.details,
    )


def _turn(namespace: str) -> Put:
    return Put(grants.quota_key(namespace), b"{}")


_RECORDS = codec.prefix(kinds.NODE_ALLOCATION)
