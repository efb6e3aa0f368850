"""Snapshots in words: the cells of their table, until when they stay, what is not in them. Pure."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from kohakuriver import clock, durations, quantity
from kohakuriver.cli.api import targets
from kohakuriver.cli.view import sections, table
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS, Snapshot

Object = dict[str, Any]
TITLES = ["NAME", "VPS", "STATUS", "SIZE", "PAUSED", "AGE", "EXPIRES", "CAUSE"]
WIDE = ["NODE", "MESSAGE"]
_LEFT_OUT = "not in it"
REPLACED = "Replaced"
_SHOWN = 5  # paths that were left out
_IN_SECONDS = 10_000  # milliseconds; from here on they say nothing


def title(name: str) -> str:
    """`snapshot/dev-20261201-094500`."""
    return targets.title(kinds.SNAPSHOT, name)


def row(
    snapshot: Object, now: datetime.datetime, *, wide: bool = False, namespace: bool = False
) -> table.Row:
    """The cells about one."""
    found = Snapshot.of(snapshot)
    cells = [
        *([found.namespace] if namespace else []),
        found.name,
        found.vps.text("name"),
        found.word,
        size(found) or "-",
        paused(found) or "-",
        sections.ago(taken(found), now),
        expires(found, now) or "-",
        found.cause,
    ]
    return [*cells, found.node or "-", found.message] if wide else cells


def size(found: Snapshot) -> str:
    """`240Mi`; empty while it is not known."""
    return quantity.approximate_size(found.size) if found.size else ""


def paused(found: Snapshot) -> str:
    """`812 ms`, `12.3 s`; empty while nobody has said for how long the VPS was paused."""
    ms = found.paused_milliseconds
    if ms is None:
        return ""
    return f"{ms} ms" if ms < _IN_SECONDS else f"{ms / 1000:.1f} s"


def taken(found: Snapshot) -> str:
    """The moment of its files; before that is known, of its object."""
    return found.taken_at or found.created


def expires(found: Snapshot, now: datetime.datetime) -> str:
    """How long it stays yet; empty where nobody said for how long."""
    try:
        kept = durations.parse(found.spec.raw["keepFor"])
        since = clock.parse_timestamp(taken(found))
    except (KeyError, ValueError):
        return ""
    return durations.age(kept - (now - since).total_seconds())


def ready(found: Snapshot) -> str:
    """`ready: 240Mi on n1, paused for 812 ms`."""
    where = f"ready: {quantity.approximate_size(found.size)} on {found.node}"
    if found.paused_milliseconds is None:
        return where
    how = f"paused for {paused(found)}" if found.paused_milliseconds else "without a pause"
    return f"{where}, {how}"


def missing(found: Snapshot, describes: str) -> list[str]:
    """What somebody should know of one that is ready: what is not in it, and what went wrong beside it.

    Args:
        describes: the command that shows all of it.
    """
    paths, said = found.left_out, found.message
    if not paths:
        return [said] if said else []
    which = ", ".join(paths[:_SHOWN]) + (f" and more: {describes}" if len(paths) > _SHOWN else "")
    if said.startswith(_LEFT_OUT):
        return [f"{said} ({which})"]
    return [*([said] if said else []), f"{_LEFT_OUT}: {which}"]


def failed_hooks(found: Snapshot) -> list[str]:
    """`the hook before it failed with exit code 1: could not connect`."""
    lines = []
    for when, how in found.hooks.items():
        if how.failed:
            code = "" if how.exit_code is None else f" with exit code {how.exit_code}"
            said = f": {how.message}" if how.message else ""
            lines.append(f"the hook {when} it failed{code}{said}")
    return lines


def unusable(found: Snapshot) -> str:
    """Why no files can begin from it now; empty where they can."""
    said = f": {found.message}" if found.message else ""
    match found.word:
        case "Ready":
            return ""
        case "Terminating":
            return "it is being deleted"
        case "Failed":
            return f"it failed{said}"
        case "Lost":
            return f"its files are gone{said}"
        case "Taking":
            return f"it is still being taken{said}"
    return f"its node {found.node} has not begun to take it"


def of_vps(snapshots: Iterable[Object], vps: Object) -> list[Object]:
    """Those of exactly this VPS, the newest first."""
    uid = VPS.of(vps).uid
    found = [one for one in snapshots if Snapshot.of(one).vps.text("uid") == uid]
    return newest_first(found)


def newest_first(snapshots: Iterable[Object]) -> list[Object]:
    """In the order of their moments."""
    return sorted(snapshots, key=lambda one: (taken(Snapshot.of(one)), Snapshot.of(one).name), reverse=True)


def set_aside(name: str, word: int) -> str:
    """The name under which an agent keeps the files that this word has given up."""
    return f"{name}-before-{word}"


def replaced_by(found: Iterable[Object], vps: Object) -> Snapshot | None:
    """The one with the files that the VPS gave up last. Where that name is taken, another begins with it."""
    name = set_aside(VPS.of(vps).name, VPS.of(vps).spec.replace_files)
    for one in map(Snapshot.of, of_vps(found, vps)):
        if one.cause == REPLACED and (one.name == name or one.name.startswith(f"{name}-")):
            return one
    return None


def plan(vps: Object) -> str:
    """`"0 3 * * *" (Europe/Berlin), the last 7 are kept`; empty where nothing is scheduled."""
    spec = VPS.of(vps).spec.snapshots
    schedule = spec.text("schedule")
    if not schedule:
        return ""
    last, long = spec.number("keepLast"), spec.raw.get("keepFor")
    kept = [f"the last {last or 7}"] if last or long is None else []
    kept += [f"those of the last {long}"] if long is not None else []
    return f'"{schedule}" ({spec.text("timeZone") or "UTC"}), kept: {" and ".join(kept)}'


def following(vps: Object, now: datetime.datetime) -> str:
    """When the next one is due: `2026-12-02 03:00:00 UTC (in 17h)`; empty where none is scheduled."""
    spec = VPS.of(vps).spec.snapshots
    if not spec.text("schedule"):
        return ""
    from kohakuriver.resources import cron  # here: few have a schedule

    try:
        due = cron.following(spec.text("schedule"), spec.text("timeZone"), now)
    except ValueError as error:
        return str(error)
    if due is None:
        return "never"
    return f"{due:%Y-%m-%d %H:%M:%S} UTC (in {durations.age((due - now).total_seconds())})"


def table_lines(
    snapshots: Sequence[Object], now: datetime.datetime, *, width: int | None = None
) -> list[str]:
    """A small table, indented, for a page about something else."""
    shown = [["NAME", "STATUS", "SIZE", "AGE", "EXPIRES", "CAUSE", "MESSAGE"]]
    for one in snapshots:
        name, _, status, size, _, age, expiry, cause = row(one, now)
        shown.append([name, status, size, age, expiry, cause, Snapshot.of(one).message])
    return sections.indented(table.Printer(width - len(sections.INDENT) if width else None).lines(shown))
