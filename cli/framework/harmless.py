"""What full screens show cannot move the terminal either: the last step before it is written. Pure.

Files, names and messages come from other people. What would be obeyed has no width, so that leaving it out
moves nothing.
"""

from typing import Final

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from kohakuriver.printable import bare


class Harmless(LineFilter):
    """For `App.get_line_filters`, which hands out `HARMLESS`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or segment.text.isprintable()
            else segment._replace(text=bare(segment.text))
            for segment in segments
        ]


# One object for all: a line is kept with what each filter made of it, and a new filter would be asked again.
HARMLESS: Final = Harmless()
