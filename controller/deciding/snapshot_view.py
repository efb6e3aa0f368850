"""What `snapshots.py` needs to know of VPSes and Snapshots, cut out of the API's JSON. Pure."""

import contextlib
import datetime
from collections.abc import Mapping
from typing import Any

from kohakuriver import durations
from kohakuriver.controller.deciding.snapshots import Kept, Planned, Time
from kohakuriver.placement import origin
from kohakuriver.resources.view import VPS, Fields

Object = Mapping[str, Any]


def kept_of(snapshot: Object) -> Kept:
    """This Snapshot. Raises ValueError and the like for nonsense."""
    metadata, spec, status = snapshot["metadata"], snapshot["spec"], snapshot.get("status") or {}
    keep_for, taken = spec.get("keepFor"), status.get("takenAt")
    return Kept(
        name=metadata["name"],
        uid=metadata["uid"],
        created=_time(metadata["creationTimestamp"]),
        phase=status.get("phase") or "",
        taken=_time(taken) if taken else None,
        of=spec["vps"].get("uid") or "",
        node=spec["vps"].get("node") or "",
        is_scheduled=spec.get("cause") == "Schedule",
        is_going=bool(metadata.get("deletionTimestamp")),
        keep_for=durations.parse(keep_for) if keep_for is not None else None,
    )


def planned_of(vps: Object) -> Planned | None:
    """What this VPS says of its snapshots; None where it says nothing, or is being deleted."""
    plan = vps["spec"].get("snapshots")
    if not plan or vps["metadata"].get("deletionTimestamp"):
        return None
    found = VPS.of(vps)
    keep_for = plan.get("keepFor")
    return Planned(
        name=found.name,
        uid=found.uid,
        schedule=plan.get("schedule") or "",
        zone=plan.get("timeZone") or "",
        keep_last=plan.get("keepLast"),
        keep_for=durations.parse(keep_for) if keep_for is not None else None,
        since=_latest(found.created, found.assignment.bound_at),
        planned=_latest(*_planned_at(vps)),
        node=found.node if found.observed.container.id and not found.unreachable_since else "",
        ended=_ended(found),
    )


def awaits(vps: Object) -> str:
    """The name of the Snapshot from which its files are still to be made; empty where there is none."""
    name = origin.named_by(vps)
    if not name or vps["metadata"].get("deletionTimestamp"):
        return ""
    found = VPS.of(vps)
    has_begun = found.observed.container.id and found.spec.replace_files <= found.observed.replace_files
    return "" if has_begun else name


def _latest(*texts: str) -> Time | None:
    return max((moment for text in texts if (moment := _moment(text)) is not None), default=None)


def _planned_at(vps: Object) -> list[str]:
    """When those who manage its plan came to have the fields that they manage."""
    managers = Fields(vps["metadata"]).parts("managedFields", Fields)
    return [
        one.text("time") for one in managers if "f:snapshots" in Fields(_fields_of(one).raw.get("f:spec")).raw
    ]


def _fields_of(manager: Fields) -> Fields:
    return Fields(manager.raw.get("fieldsV1"))


def _ended(vps: VPS) -> Time | None:
    """When it last ran. None where it runs, or nobody can tell."""
    return _moment(vps.observed.container.finished_at)


def _moment(text: str) -> Time | None:
    with contextlib.suppress(ValueError, OverflowError):
        return _time(text) if text else None
    return None


def _time(text: str) -> Time:
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
