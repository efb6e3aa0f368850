"""Whether a new VPS would find room as the nodes stand now: a word beside the answer to a create that is only
rehearsed.

Only what is certain is said: that no node has room, by the arithmetic that books it there. What else may keep
it waiting (taints, what a node allows, a quota) the controller says once it waits.
"""

from collections.abc import Iterator
from typing import Any, Final

from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.apiserver.objects.selectors import Selection
from kohakuriver.apiserver.store import codec
from kohakuriver.placement import origin
from kohakuriver.resources import conditions, kinds
from kohakuriver.resources.view import VPS, Node, Placement
from kohakuriver.resources.vps import RunState

Json = dict[str, Any]

_MOST_LOOKED: Final = 200  # nodes; where there are more, and all of these are full, nothing is said
_MOST_NAMED: Final = 3


def waits(cache: Cache, vps: Json) -> str:
    """Why this VPS would wait for a node; empty where one has room, or where that is not known."""
    found = VPS.of(vps)
    if found.spec.run_state == RunState.STOPPED:
        return ""
    begins = _origin(cache, vps)
    if begins is not None and begins.reason:
        return f"it would wait: {begins.message}"
    placement = (
        Placement({**found.spec.placement.raw, "node": begins.node}) if begins else found.spec.placement
    )
    meant = list(_meant(cache, placement))
    if not len(cache.kinds[kinds.NODE]):
        return ""  # the cluster has only begun
    if not meant:
        where = f"Snapshot {begins.snapshot} is on {begins.node}, and " if begins is not None else ""
        return f"it would wait: {where}there is no {_which(placement)}"
    refusals = []
    for entry in meant[:_MOST_LOOKED]:
        refusal = _refusal(cache, entry, vps)
        if not refusal:
            return ""
        refusals.append(refusal)
    if len(meant) > _MOST_LOOKED:
        return ""
    more = len(refusals) - _MOST_NAMED
    named = [*refusals[:_MOST_NAMED], *([f"and {more} more nodes have no room"] if more > 0 else [])]
    return f"it would wait: {'; '.join(named)}"


def _origin(cache: Cache, vps: Json) -> origin.Origin | None:
    """The Snapshot that it begins from; one that cannot be read is passed over."""
    name = origin.named_by(vps)
    if not name:
        return None
    entry = cache.kinds[kinds.SNAPSHOT].get(codec.key(kinds.SNAPSHOT, vps["metadata"]["namespace"], name))
    try:
        return origin.origin_of(vps, entry.decoded() if entry is not None else None)
    except codec.NONSENSE:
        return None


def _meant(cache: Cache, placement: Placement) -> Iterator[Entry]:
    """The nodes that it names, or selects by their labels."""
    for entry in cache.kinds[kinds.NODE].candidates(Selection()):
        named = not placement.node or entry.fields.get("metadata.name") == placement.node
        if named and placement.node_selector.items() <= entry.labels.items():
            yield entry


def _which(placement: Placement) -> str:
    labels = ",".join(f"{name}={value}" for name, value in sorted(placement.node_selector.items()))
    carrying = f" with the label{'s' if ',' in labels else ''} {labels}" if labels else ""
    return f"node {placement.node}{carrying}" if placement.node else f"node{carrying}"


def _refusal(cache: Cache, entry: Entry, vps: Json) -> str:
    """Why it cannot go to this node now; empty where it can, or where the node cannot be read."""
    try:
        body = entry.decoded()
        node = Node.of(body)
        if node.condition(conditions.READY).is_false:
            return f"{node.name} is not ready"
        if node.spec.flag("unschedulable"):
            return f"{node.name} is cordoned"
        there = cache.kinds[kinds.NODE_ALLOCATION].get(codec.key(kinds.NODE_ALLOCATION, None, node.name))
        empty = {"metadata": {"name": node.name}, "bookings": {}}
        given = booking.book(there.decoded() if there else empty, body, vps, epoch=1, id_="")
    except codec.NONSENSE:
        return ""
    return given.message if isinstance(given, booking.Refusal) else ""
