"""The table of `vps list`. Pure: objects, a width and the present moment in; lines out.

Why a VPS is not running stands in the last column. Where a terminal is too narrow for that, it stands on
lines of its own below the row.
"""

import datetime
import textwrap
from collections.abc import Sequence
from typing import Any

from kohakuriver.cli.view import sections, standing
from kohakuriver.cli.view.table import GAP, Paint, Printer, Row
from kohakuriver.cli.vps import wide as wider
from kohakuriver.cli.vps.wide import Wide
from kohakuriver.resources.view import VPS

TITLES = ["TASK ID", "STATUS", "NODE", "RESOURCES", "SSH PORT", "AGE"]
MESSAGE = "MESSAGE"
_INDENT = "  "

Object = dict[str, Any]


def is_stopped(vps: Object) -> bool:
    """Whether `list` without --all hides it."""
    return VPS.of(vps).word == "stopped"


def lines(
    vpses: Sequence[Object],
    now: datetime.datetime,
    *,
    width: int | None,
    headers: bool = True,
    with_namespace: bool = False,
    wide: Wide | None = None,
    paint: Paint | None = None,
) -> list[str]:
    """`width` is the terminal's; None where there is none, and nothing is fitted to it."""
    rows = [
        _row(vps, now, with_namespace=with_namespace) + (wide.cells(vps) if wide else []) for vps in vpses
    ]
    whys = ["" if _runs_well(vps) else " ".join(VPS.of(vps).why.split()) for vps in vpses]
    titles = [*(["NAMESPACE"] if with_namespace else []), *TITLES, *(wider.TITLES if wide else [])]
    shown = [titles, *rows] if headers else rows
    table_width = max(map(len, Printer().lines(shown)), default=0)
    printer = Printer(paint=paint)
    printer.lines(shown)  # learns the widths
    left = None if width is None else width - table_width - len(GAP)
    if not any(whys):
        return printer.lines(shown)
    if left is None or max(map(len, whys)) <= left:
        return Printer(paint=paint).lines(_with_why(rows, whys, titles if headers else None))
    found = printer.lines([titles]) if headers else []
    for row, why in zip(rows, whys, strict=True):
        found += printer.lines([row])
        found += textwrap.wrap(why, max(width or 0, 20), initial_indent=_INDENT, subsequent_indent=_INDENT)
    return found


def _with_why(rows: Sequence[Row], whys: Sequence[str], titles: Row | None) -> list[Row]:
    whole = [[*row, why] for row, why in zip(rows, whys, strict=True)]
    return whole if titles is None else [[*titles, MESSAGE], *whole]


def _runs_well(vps: Object) -> bool:
    found = VPS.of(vps)
    return found.word in ("running", "paused") and not found.message


def _row(vps: Object, now: datetime.datetime, *, with_namespace: bool) -> Row:
    found = VPS.of(vps)
    row = [
        found.name,
        found.word,
        found.node or "-",
        standing.resources(vps),
        str(found.grant.ssh_port or "-"),
        sections.ago(found.created, now),
    ]
    return [found.namespace, *row] if with_namespace else row
