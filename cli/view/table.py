"""Tables as kubectl lays them out: capital headers, three spaces between columns. Pure."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kohakuriver.cli.api import targets
from kohakuriver.printable import on_one_line
from kohakuriver.resources import view
from kohakuriver.resources.kinds import ResourceType

GAP = "   "
Row = list[str]
Paint = Callable[[int, str], str]
NARROWEST = 24  # columns; what is narrower is not worth wrapping into


class Layout(NamedTuple):
    """What of a server's table is shown, and how."""

    resource: ResourceType
    wide: bool = False
    with_namespace: bool = False
    with_kind: bool = False  # names as KIND/NAME, where several kinds are shown


def header(table: dict[str, Any], layout: Layout) -> Row:
    """The titles of the columns."""
    titles = [str(column["name"]).upper() for column in _columns(table, layout)]
    return ["NAMESPACE", *titles] if layout.with_namespace else titles


def rows(table: dict[str, Any], layout: Layout, *, columns: dict[str, Any] | None = None) -> list[Row]:
    """The cells to show; `columns` is the table whose header counts, where this one has none."""
    shown = _columns(columns or table, layout)
    indexes = [(column["index"], column["format"] == "name") for column in shown]
    found = []
    for row in table.get("rows") or ():
        cells = [_cell(row["cells"], index, is_name, layout) for index, is_name in indexes]
        if layout.with_namespace:
            cells.insert(0, view.Row.of(row).object.namespace)
        found.append(cells)
    return found


class Printer:
    """Lays rows out; widths only grow, so that what a watch adds lies below what is there.

    `width` is the terminal's, None where there is none: a last column that goes beyond it is wrapped within
    itself. `paint` may colour a cell, by its column and text, once it is laid out.
    """

    def __init__(self, width: int | None = None, *, paint: Paint | None = None) -> None:
        self._widths: list[int] = []
        self._width = width
        self._paint = paint

    def lines(self, rows: Sequence[Row]) -> list[str]:
        rows = [[on_one_line(cell) for cell in row] for row in rows]
        for row in rows:
            missing = len(row) - len(self._widths)
            self._widths += [0] * max(missing, 0)
            for index, cell in enumerate(row):
                self._widths[index] = max(self._widths[index], len(cell))
        return [line for row in rows for line in self._fitted(row)]

    def _fitted(self, row: Row) -> list[str]:
        before = sum(width + len(GAP) for width in self._widths[: len(row) - 1])
        room = (self._width or 0) - before
        if self._width is None or len(row) < 2 or len(row[-1]) <= room or room < NARROWEST:
            return [self._line(row)]
        first, *more = textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""]
        return [self._line([*row[:-1], first]), *(" " * before + line for line in more)]

    def _line(self, row: Row) -> str:
        padded = [cell.ljust(width) for cell, width in zip(row, self._widths, strict=False)]
        if padded:  # a server may have no column to show
            padded[-1] = padded[-1].rstrip()
        if self._paint is not None:
            padded = [self._paint(index, cell) for index, cell in enumerate(padded)]
        return GAP.join(padded).rstrip()


def _columns(table: dict[str, Any], layout: Layout) -> list[dict[str, Any]]:
    columns = [
        {"format": "", "priority": 0, **column, "index": index}
        for index, column in enumerate(table.get("columnDefinitions") or ())
    ]
    return [column for column in columns if layout.wide or not column["priority"]]


def _cell(cells: list[Any], index: int, is_name: bool, layout: Layout) -> str:
    value = cells[index] if index < len(cells) else None
    text = "" if value is None else on_one_line(str(value))
    if isinstance(value, bool):
        text = str(value).lower()
    return targets.title(layout.resource, text) if is_name and layout.with_kind else text
