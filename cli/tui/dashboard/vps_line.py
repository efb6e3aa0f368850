"""A VPS on one line, as narrow or as wide as the screen is. Pure.

Why one does not run stands in a column of its own where there is room for it, else in place of what it holds.
"""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from kohakuriver.cli.tui.dashboard.line import Line, Piece, Tone, fit, joined
from kohakuriver.cli.view import sections, standing
from kohakuriver.resources.view import VPS

Object = dict[str, Any]

_TONES = {
    "running": Tone.GOOD,
    "assigning": Tone.BUSY,
    "pending": Tone.WARN,
    "paused": Tone.BUSY,
    "stopped": Tone.FAINT,
    "terminating": Tone.WARN,
}
_MARKS = {"running": "●", "assigning": "◐", "pending": "○", "paused": "◆", "stopped": "·", "terminating": "×"}
_STATUS, _PORT, _AGE = 13, 8, 5
_WIDE = 120  # columns from which why has one of its own


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """How wide each is; 0: it is not shown."""

    namespace: int
    name: int
    node: int
    resources: int
    why: int


def columns(vpses: Sequence[Object], width: int, *, with_namespace: bool) -> Columns:
    """What suits these VPSes on a screen of that width."""
    is_wide = width >= _WIDE
    most = 36 if is_wide else 14 if with_namespace else 20
    namespace = _widest((VPS.of(vps).namespace for vps in vpses), 9, 24 if is_wide else 10)
    name = _widest((VPS.of(vps).name for vps in vpses), 7, most)
    node = _widest((VPS.of(vps).node for vps in vpses), 4, 24 if is_wide else 10)
    cells = [namespace if with_namespace else 0, name, _STATUS, node, _PORT, _AGE]
    left = max(width - sum(cells) - 2 * len([cell for cell in cells if cell]), 8)
    if not is_wide:
        return Columns(cells[0], name, node, left, 0)
    resources = 26
    return Columns(cells[0], name, node, resources, max(left - resources - 2, 8))


def titles(columns: Columns) -> Line:
    last = "RESOURCES" if columns.why else "RESOURCES, OR MESSAGE"
    words = [("NAMESPACE", columns.namespace), ("NAME", columns.name), ("STATUS", _STATUS)]
    words += [("NODE", columns.node), ("SSH-PORT", _PORT), ("AGE", _AGE)]
    words += [(last, columns.resources), ("MESSAGE", columns.why)]
    return joined([Piece(fit(word, width), Tone.TITLE) for word, width in words])


def line(vps: Object, columns: Columns, now: datetime.datetime, *, alike: str = "", used: str = "") -> Line:
    """`alike`: said in place of a reason that stands above. `used`: what it uses at this moment, if known."""
    found = VPS.of(vps)
    phase, why = found.word, alike or reason(vps)
    resources = standing.resources(vps)
    held = resources if columns.why or not why else why
    if used and held == resources and not columns.why:
        held = f"{resources}; {used}"
    port = str(found.grant.ssh_port or "-")
    age = sections.ago(found.created, now)
    tone = Tone.FAINT if phase == "stopped" else Tone.PLAIN
    return joined(
        [
            Piece(fit(found.namespace, columns.namespace), tone),
            Piece(fit(found.name, columns.name), tone),
            Piece(fit(f"{mark(phase)} {phase}", _STATUS), status_tone(phase)),
            Piece(fit(found.node or "-", columns.node), tone),
            Piece(fit(port, _PORT), tone),
            Piece(fit(age, _AGE), tone),
            Piece(fit(held, columns.resources), tone if held.startswith(resources) else Tone.FAINT),
            Piece(fit(why or used, columns.why), Tone.FAINT),
        ]
    )


def reason(vps: Object) -> str:
    """Why it does not run, or what is wrong though it does; nothing where all is well."""
    found = VPS.of(vps)
    return found.message if found.word in ("running", "paused") else found.why


def mark(phase: str) -> str:
    return _MARKS.get(phase, "!")


def status_tone(phase: str) -> Tone:
    return _TONES.get(phase, Tone.BAD)


def counts(vpses: Sequence[Object]) -> list[tuple[str, int]]:
    """How many there are of each phase, the bad ones first."""
    found: dict[str, int] = dict.fromkeys(_MARKS, 0)
    for vps in vpses:
        phase = VPS.of(vps).word
        found[phase] = found.get(phase, 0) + 1
    troubles = [(phase, count) for phase, count in found.items() if phase not in _MARKS]
    return troubles + [(phase, count) for phase, count in found.items() if count and phase in _MARKS]


def _widest(words: Any, least: int, most: int) -> int:
    return min(max(max(map(len, words), default=0), least), most)
