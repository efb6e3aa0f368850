"""Below the tables: the selected VPS in a few lines, and what happened to it. Pure."""

import datetime
import textwrap
from collections.abc import Sequence
from typing import Any

from kohakuriver.cli.tui.dashboard import vps_line
from kohakuriver.cli.tui.dashboard.line import Line, Piece, Tone, fit, joined
from kohakuriver.cli.view import sections, standing
from kohakuriver.resources.view import VPS, Event

Object = dict[str, Any]
_WHY = 2  # lines for the reason that it does not run


def lines(
    vps: Object,
    node: Object | None,
    events: Sequence[Object] | None,
    now: datetime.datetime,
    *,
    room: tuple[int, int],
    reader: standing.Reader = standing.HERE,
) -> list[Line]:
    """`events` None: they may not be read. `room`: width and height."""
    width, height = room
    found = [_next(vps, node, width, reader)]
    why = vps_line.reason(vps)
    if why:
        found += [[Piece(part, Tone.WARN)] for part in textwrap.wrap(why, width)[:_WHY]]
    if events is None:
        return [*found, [Piece("events may not be read with this credential", Tone.FAINT)]]
    if not events:
        return [*found, [Piece("no events in the last hour", Tone.FAINT)]]
    latest = sorted(events, key=sections.when)[-max(height - len(found), 1) :]
    return found + [event(one, now, width) for one in latest]


def event(one: Object, now: datetime.datetime, width: int) -> Line:
    """One event, cut to the width."""
    found = Event.of(one)
    tone = Tone.WARN if found.type == "Warning" else Tone.PLAIN
    age, reason = sections.ago(found.latest, now), found.reason
    said = " ".join(found.message.split())
    message = f"{said} (x{found.count})" if found.count > 1 else said
    used = 5 + 2 + 18 + 2
    return joined(
        [Piece(fit(age, 5), Tone.FAINT), Piece(fit(reason, 18), tone), Piece(fit(message, width - used))]
    )


def _next(vps: Object, node: Object | None, width: int, reader: standing.Reader) -> Line:
    """What it holds, and the command that is likely to be wanted next."""
    commands = standing.next_commands(vps, node, reader=reader)
    held, spec = standing.resources(vps), VPS.of(vps).spec
    image = spec.environment or spec.image
    words = "  ·  ".join(part for part in (held, image, *commands[:1]) if part)
    return [Piece(fit(words, width), Tone.FAINT)]
