"""Objects as indented text for people: `describe`'s pages. Pure."""

import datetime
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kohakuriver import clock, durations, quantity
from kohakuriver.cli.view import table
from kohakuriver.printable import on_one_line, plain
from kohakuriver.resources.view import Condition, Event

Object = Mapping[str, Any]
INDENT = "  "
_ACRONYMS = {"ssh": "SSH", "id": "ID", "uid": "UID", "oom": "OOM", "gpus": "GPUs", "vps": "VPS"}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_HIDDEN = {"conditions"}  # shown as a table of their own


def pairs(found: Iterable[tuple[str, Any]], *, width: int | None = None) -> list[str]:
    """`Key:   value` lines, values aligned; nested values below their key; empty ones left out. Sentences are
    wrapped at `width`, the terminal's."""
    shown = [(on_one_line(key), value) for key, value in found if value not in (None, "", {}, [])]
    longest = max((len(key) for key, value in shown if not _nested(value)), default=0)
    inner_width = None if width is None else width - len(INDENT)
    lines: list[str] = []
    for key, value in shown:
        if isinstance(value, Mapping):
            inner = pairs(value.items(), width=inner_width)
            lines += [f"{key}:", *indented(inner)] if inner else []
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            lines.append(f"{key}:")
            for item in value:
                found_in = pairs(item.items()) if isinstance(item, Mapping) else [text(item)]
                first, *more = found_in or ["{}"]
                lines += [f"{INDENT}- {first}", *indented(indented(more))]
        else:
            first, *more = _wrapped(text(value), None if width is None else width - longest - 3)
            lines.append(f"{key + ':':<{longest + 1}}  {first}")
            lines += [" " * (longest + 3) + line for line in more]
    return lines


def _wrapped(value: str, room: int | None) -> list[str]:
    """The lines of a text; what has no blanks stays whole, so that it can be copied."""
    lines = value.split("\n")
    if room is None or room < table.NARROWEST:
        return lines
    kept = {"break_on_hyphens": False, "break_long_words": False}
    return [part for line in lines for part in textwrap.wrap(line, room, **kept) or [""]]  # type: ignore[arg-type]


def titled(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a part under readable names: runState becomes Run State."""
    return {title(key): _readable(key, value) for key, value in body.items() if key not in _HIDDEN}


def _readable(field: str, value: Any) -> Any:
    """A field's value as people read it, where it is stored otherwise."""
    if isinstance(value, Mapping):
        return value if field in ("labels", "env") else titled({**value, **_worked_out(field, value)})
    return _amount(value, quantity.shown_cores) if field == "cores" else value


def _worked_out(field: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if field not in ("capacity", "allocatable") or "memory" not in value:
        return {}
    return {"memory": _amount(value["memory"], quantity.shown_size)}


def _amount(value: Any, written: Callable[[Any], str]) -> Any:
    try:
        return written(value)
    except ValueError:
        return value


def title(field: str) -> str:
    """`sshPort` as `SSH Port`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", field).split(" ")
    return " ".join(_ACRONYMS.get(word.lower(), word[:1].upper() + word[1:]) for word in words)


def text(value: Any) -> str:
    """A value on one line, a list with an item a line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(text, value))
    written = str(value)
    return clock.in_words(written) if _TIMESTAMP.fullmatch(written) else plain(written)


def indented(lines: Sequence[str]) -> list[str]:
    return [INDENT + line if line else line for line in lines]


def ago(moment: str | None, now: datetime.datetime) -> str:
    """How long ago a timestamp was."""
    if not moment:
        return ""
    try:
        return durations.age((now - clock.parse_timestamp(moment)).total_seconds())
    except ValueError:
        return moment


def moment(timestamp: str | None, now: datetime.datetime) -> str:
    """`2026-11-29 05:11:00 UTC (6s ago)`; nothing where there is none."""
    return f"{clock.in_words(timestamp)} ({ago(timestamp, now)} ago)" if timestamp else ""


def conditions(found: Sequence[Condition], now: datetime.datetime, *, width: int | None = None) -> list[str]:
    """A table of conditions, indented; `width` is the terminal's."""
    rows = [["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"]]
    rows += [
        [one.type, one.status, ago(one.text("lastTransitionTime"), now), one.reason, one.message]
        for one in found
    ]
    return indented(table.Printer(width - len(INDENT) if width else None).lines(rows))


def limits(status: Object, *, width: int | None = None) -> list[str]:
    """What is taken, and what may be, of everything that a quota limits; nonsense is left out."""
    used, hard = (part if isinstance(part := status.get(name), Mapping) else {} for name in ("used", "hard"))
    rows = [["RESOURCE", "USED", "HARD"]]
    rows += [[str(name), str(used[name]), str(hard.get(name, "<unreadable>"))] for name in sorted(used)]
    return indented(table.Printer(width - len(INDENT) if width else None).lines(rows))


def events(found: Sequence[Object], now: datetime.datetime, *, width: int | None = None) -> list[str]:
    """A table of events, indented, the latest last; `width` is the terminal's."""
    rows = [["TYPE", "REASON", "AGE", "FROM", "MESSAGE"]]
    for one in map(Event.of, sorted(found, key=when)):
        rows.append([one.type, one.reason, event_age(one.raw, now), one.source, one.message])
    return indented(table.Printer(width - len(INDENT) if width else None).lines(rows))


def when(event: Object) -> str:
    """The moment of an event that counts: its latest."""
    return Event.of(event).latest


def event_age(event: Object, now: datetime.datetime) -> str:
    """`3m`, or `3m (x4 over 10m)`."""
    found = Event.of(event)
    age = ago(found.latest, now)
    return f"{age} (x{found.count} over {ago(found.first, now)})" if found.count > 1 and found.first else age


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
    )
