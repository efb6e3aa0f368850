"""A text of very many lines under the editor's widget, which never wraps: nothing is done for every line when
a key is pressed or a line is drawn.

Textual's own documents wrap every line three times when a text is opened, and add all of them up for each
line of the screen. Stands below editor.py; knows no file.
"""

from collections.abc import Sequence
from typing import cast, overload

from rich.cells import cell_len
from textual._cells import cell_width_to_column_index
from textual.document._document import Document, EditResult, Location
from textual.document._wrapped_document import WrappedDocument
from textual.expand_tabs import expand_tabs_inline, get_tab_widths
from textual.geometry import Offset, Size


class Lines(Document):
    """A plain text. Its width may be that of a line that has gone since: it only scrolls too far then."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._whole: str | None = None
        self._widest, self._measured_with = 0, 0

    @property
    def text(self) -> str:
        if self._whole is None:
            self._whole = super().text
        return self._whole

    def get_size(self, tab_width: int) -> Size:
        if tab_width != self._measured_with:
            self._measured_with = tab_width
            self._widest = widest(self.lines, tab_width)
        return Size(self._widest, self.line_count)

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        self._whole = None
        result = super().replace_range(start, end, text)
        if self._measured_with:
            changed = self.lines[min(start, end)[0] : result.end_location[0] + 1]
            self._widest = max(self._widest, widest(changed, self._measured_with))
        return result


class Unwrapped(WrappedDocument):
    """A document of which each line is one line of the screen."""

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        self._width = 0
        if tab_width:
            self._tab_width = tab_width
        self._offset_to_line_info = cast(list[tuple[int, int]], _Rows(self))

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        """Nothing is kept of a line."""

    @property
    def wrapped(self) -> bool:
        return False

    @property
    def lines(self) -> list[list[str]]:
        return [[line] for line in self.document.lines]

    @property
    def height(self) -> int:
        return self.document.line_count

    def get_offsets(self, line_index: int) -> list[int]:
        if not 0 <= line_index < self.height:
            raise ValueError(f"there is no line {line_index} in {self.height}")
        return []

    def get_sections(self, line_index: int) -> list[str]:
        return [self.document[line_index]]

    def get_tab_widths(self, line_index: int) -> list[int]:
        return [width for _, width in get_tab_widths(self.document[line_index], self._tab_width)]

    def offset_to_location(self, offset: Offset) -> Location:
        row = min(max(0, offset.y), self.height - 1)
        return row, cell_width_to_column_index(self.document[row], max(0, offset.x), self._tab_width)

    def location_to_offset(self, location: Location) -> Offset:
        row, column = location
        before = self.document[row][:column]
        return Offset(cell_len(expand_tabs_inline(before, self._tab_width)), row)


class _Rows(Sequence[tuple[int, int]]):
    """Which line of the text stands on a line of the screen: the same one."""

    def __init__(self, of: WrappedDocument) -> None:
        self._of = of

    def __len__(self) -> int:
        return self._of.height

    @overload
    def __getitem__(self, row: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[tuple[int, int]]: ...
    def __getitem__(self, row: int | slice) -> tuple[int, int] | Sequence[tuple[int, int]]:
        if isinstance(row, slice):
            return [(one, 0) for one in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return row % len(self), 0


def widest(lines: Sequence[str], tab_width: int) -> int:
    """The cells of the longest line."""
    return max((_cells(line, tab_width) for line in lines), default=0)


def _cells(line: str, tab_width: int) -> int:
    if "\t" in line:
        line = line.expandtabs(tab_width)
    return len(line) if line.isascii() else cell_len(line)
