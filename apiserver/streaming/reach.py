"""Whether somebody can get into a VPS at all; if not, why, and what to do. Pure, and without a clock.

The words are for a person who typed `kohakuriver connect NAME`, or whose ssh shows them.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.store import codec
from kohakuriver.errors import Conflict, Unavailable
from kohakuriver.resources import reasons
from kohakuriver.resources.vps import Phase

_RESTING: Final = ("logs", "changes")  # of VPSes that do not run, too


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """The placement that a stream goes to."""

    node: str
    epoch: int
    uid: str


def target(vps: Mapping[str, Any], kind: str) -> Target:
    """Where the stream leads. Raises Conflict, and Unavailable for a lost VPS."""
    meta, status = vps["metadata"], objects.status_of(dict(vps))
    name, assignment = meta["name"], status.get("assignment") or {}
    if not assignment:
        raise _not_there(vps, name)
    try:
        found = Target(assignment["node"], int(assignment["epoch"]), meta["uid"])
        if not (isinstance(found.node, str) and isinstance(found.uid, str)):
            raise TypeError("names are text")
    except codec.NONSENSE as error:
        raise Conflict(f"{name} cannot be read: status.assignment makes no sense") from error
    if kind in _RESTING:
        return found
    phase = status.get("phase")
    if phase == Phase.STOPPED:
        raise _stopped(name, status, found.node)
    if phase == Phase.LOST:
        raise Unavailable(
            f"{name} is lost: {status.get('message') or 'its node is silent'}",
            hint="it is the same again once its node is back; nothing has to be done in it",
        )
    if phase == Phase.PAUSED and kind != "forward":
        raise Conflict(f"{name} is paused", hint=f"let it go on: kohakuriver vps resume {name}")
    if phase == Phase.PENDING:
        raise _not_there(vps, name)
    return found


def _stopped(name: str, status: Mapping[str, Any], node: str) -> Conflict:
    """Where its node has stopped it, a start is refused too: what helps is said at once."""
    if status.get("reason") == reasons.NODE_DRAINED:
        why = f"{name} is stopped, as its node {node} is drained"
        return Conflict(why, hint=f"bring the node back: kohakuriver node uncordon {node}")
    return Conflict(f"{name} is stopped", hint=f"start it: kohakuriver vps start {name}")


def _not_there(vps: Mapping[str, Any], name: str) -> Conflict:
    status, spec = objects.status_of(dict(vps)), vps.get("spec")
    if isinstance(spec, Mapping) and spec.get("runState") == "Stopped":
        return Conflict(f"{name} is stopped", hint=f"start it: kohakuriver vps start {name}")
    why = status.get("message") or "it has no node yet"
    node = (status.get("assignment") or {}).get("node")
    if node and status.get("reason") == reasons.NODE_DRAINING:
        uncordons = f"kohakuriver node uncordon {node}"
        return Conflict(f"{name} is not running: {why}", hint=f"bring the node back: {uncordons}")
    return Conflict(f"{name} is not running: {why}", hint=f"see more: kohakuriver vps status {name}")
