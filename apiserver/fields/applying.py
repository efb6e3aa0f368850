"""Server-side apply: a configuration becomes part of an object, and its fields its manager's. Pure.

What a manager applied before and does not any more is removed, unless somebody else manages it too. A field
that another manages and that would change is a conflict, unless the apply is forced. `kubectl` itself may
take over what it once applied on the client's side and nobody changed since.
"""

import dataclasses
import json
from typing import Any

from kohakuriver.apiserver.fields import managers as managing
from kohakuriver.apiserver.fields import merging, paths
from kohakuriver.apiserver.fields.layout import Layout, Path, Sort
from kohakuriver.apiserver.fields.managers import Manager, Managers, Share
from kohakuriver.errors import Cause, Conflict

Json = dict[str, Any]

KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclasses.dataclass(frozen=True, slots=True)
class Applied:
    """The object as an apply makes it, and who manages its fields then."""

    obj: Json
    managers: Managers


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """What is applied, as far as fields can have managers: as it was sent, and without unknown fields."""

    whole: Json
    known: Json


class Unmergeable(Exception):
    """A list of the configuration whose items cannot be told apart: where, and why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field
        self.why = why


def apply(
    layout: Layout,
    live: Json,
    config: Configuration,
    managers: Managers,
    *,
    by: Manager,
    force: bool,
    now: str,
) -> Applied:
    """What can have managers of the object, after the apply. Raises Conflict with a cause for each field that
    others manage; Unmergeable."""
    _check_items(layout, config.known, ())
    wanted = frozenset(paths.of(layout, config.known) - managing.OUTER)
    before = managers.get(by)
    mine = before if before is not None and before.fields == wanted else Share(wanted, now)
    after = {**managers, by: mine}
    merged: Json = merging.overlaid(layout, live, config.whole)
    dropped = (before.fields if before else paths.NOTHING) - wanted
    if dropped:
        kept = paths.closed(path for share in after.values() for path in share.fields)
        merged = merging.without(layout, merged, frozenset(dropped - kept))
    difference = paths.between(layout, live, merged)
    conflicts = _conflicts(managers, difference.written, by=by)
    if conflicts and by.name == KUBECTL:
        allowed = _applied_by_the_client(layout, live)
        conflicts = {other: left for other, both in conflicts.items() if (left := both - allowed)}
    if conflicts and not force:
        raise _refusal(conflicts, managers)
    gone = difference.written | difference.removed
    return Applied(merged, managing.taken(after, gone, by=by))


def _conflicts(managers: Managers, changed: set[Path], *, by: Manager) -> dict[Manager, set[Path]]:
    """What of the changed fields others manage."""
    found = {other: share.fields & changed for other, share in managers.items() if other != by}
    return {other: set(both) for other, both in found.items() if both}


def _applied_by_the_client(layout: Layout, live: Json) -> set[Path]:
    """What `kubectl apply` once set without the server's help, and is as it was set."""
    try:
        last = json.loads((live["metadata"].get("annotations") or {})[LAST_APPLIED])
        last = managing.managed_part(last, "")
    except (KeyError, TypeError, ValueError, AttributeError):
        return set()
    return paths.of(layout, last) - paths.between(layout, last, live).modified


def annotated(obj: Json, config: Json, by: Manager) -> Json:
    """What kubectl applied on the client's side is kept current, so that it can go back to that."""
    annotations = obj.get("metadata", {}).get("annotations") or {}
    if by.name != KUBECTL or LAST_APPLIED not in annotations:
        return obj
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**obj, "metadata": {**obj["metadata"], "annotations": {**annotations, LAST_APPLIED: text + "\n"}}}


def _check_items(layout: Layout, value: Any, at: Path) -> None:
    seen = set[str]()
    for element, inner, below in layout.parts(value) or ():
        here = (*at, element)
        if layout.sort is Sort.KEYED and not all(
            isinstance(inner, dict) and key in inner for key in layout.keys
        ):
            raise Unmergeable(paths.shown(at).lstrip("."), f"each item needs {' and '.join(layout.keys)}")
        if layout.sort in (Sort.KEYED, Sort.SET) and element in seen:
            raise Unmergeable(paths.shown(here).lstrip("."), "Duplicate value: it stands there twice")
        seen.add(element)
        _check_items(below, inner, here)


def _refusal(conflicts: dict[Manager, set[Path]], managers: Managers) -> Conflict:
    """In the words of Kubernetes, which tools read."""
    causes, parts = [], []
    for other in sorted(conflicts):
        who = _named(other, managers[other])
        fields = [paths.shown(path) for path in sorted(conflicts[other])]
        causes += [Cause(field, f"conflict with {who}", "FieldManagerConflict") for field in fields]
        parts.append(f"conflicts with {who}:\n" + "\n".join(f"- {field}" for field in fields))
    if len(causes) == 1:
        message = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        message = f"Apply failed with {len(causes)} conflicts: " + "\n".join(parts)
    hint = "leave these fields out, or give them the values they have, or apply with --force-conflicts"
    return Conflict(message, causes=tuple(causes), hint=hint)


def _named(manager: Manager, share: Share) -> str:
    through = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    when = f" at {share.time}" if manager.operation == managing.UPDATE and share.time else ""
    return f'"{manager.name}"{through} using {manager.api_version}{when}'
