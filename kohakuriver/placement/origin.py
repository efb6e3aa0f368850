"""The Snapshot that a VPS begins from: on which node that is, or why the VPS cannot begin from it. Pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import reasons

Object = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """A Snapshot that a VPS names. Without a reason it is ready on its node, and the VPS can begin there."""

    snapshot: str
    node: str = ""
    reason: str = ""  # one of `reasons.py`
    message: str = ""  # one sentence


def named_by(vps: Object) -> str:
    """The name of the Snapshot that this VPS begins from; empty where it begins from its image."""
    return str((vps["spec"].get("filesFrom") or {}).get("snapshot") or "")


def origin_of(vps: Object, snapshot: Object | None) -> Origin | None:
    """What this Snapshot, of the name that the VPS says, is to it; None where the VPS names none."""
    name = named_by(vps)
    if not name:
        return None
    if snapshot is None:
        namespace = vps["metadata"].get("namespace") or ""
        there = f'there is no Snapshot "{name}" in namespace {namespace}'
        why = f"{there}: kohakuriver vps snapshots lists what there is"
        return Origin(name, reason=reasons.SNAPSHOT_MISSING, message=why)
    if snapshot.get(UNREADABLE):
        why = f"Snapshot {name} cannot be read: {snapshot[UNREADABLE]}"
        return Origin(name, reason=reasons.SNAPSHOT_FAILED, message=why)
    if snapshot["metadata"].get("deletionTimestamp"):
        why = f"Snapshot {name} is being deleted: name another, or the image"
        return Origin(name, reason=reasons.SNAPSHOT_MISSING, message=why)
    return _by_phase(vps, name, snapshot)


def _by_phase(vps: Object, name: str, snapshot: Object) -> Origin:
    node, status = str(snapshot["spec"]["vps"].get("node") or ""), snapshot.get("status") or {}
    phase, said = status.get("phase"), str(status.get("message") or "")
    because = f": {said}" if said else ""
    if phase == "Failed":
        return Origin(name, node, reasons.SNAPSHOT_FAILED, f"Snapshot {name} failed{because}")
    if phase == "Lost":
        return Origin(name, node, reasons.SNAPSHOT_FAILED, f"the files of Snapshot {name} are lost{because}")
    if phase != "Ready" or not node:
        where = f" on {node}" if node else ""
        return Origin(name, node, reasons.SNAPSHOT_NOT_READY, f"Snapshot {name} is still being taken{where}")
    asked = (vps["spec"].get("placement") or {}).get("node")
    if asked and asked != node:
        why = f"Snapshot {name} is on node {node}, and placement.node asks for {asked}: name {node} there"
        return Origin(name, node, reasons.SNAPSHOT_ELSEWHERE, why)
    return Origin(name, node)
