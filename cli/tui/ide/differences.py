"""How two texts differ, as lines to show. Pure, and bounded: comparing takes the square of the lines."""

import difflib
from collections.abc import Sequence
from typing import Final

COMPARED: Final = 2_000  # lines of each, from the first that differs
_AROUND: Final = 3  # lines that are the same, around those that are not

Line = tuple[str, str]
"""What it is: "-" only in the first, "+" only in the second, " " in both, "@" about a place; and its text."""


def differences(first: str, second: str) -> list[Line]:
    """Nothing where they are the same, line by line."""
    ours, theirs = first.splitlines(), second.splitlines()
    same = _same(ours, theirs)
    end = _same(ours[same:][::-1], theirs[same:][::-1])
    begin = max(same - _AROUND, 0)
    one = ours[begin : len(ours) - max(end - _AROUND, 0)]
    other = theirs[begin : len(theirs) - max(end - _AROUND, 0)]
    shown = difflib.unified_diff(one[:COMPARED], other[:COMPARED], n=_AROUND, lineterm="")
    found = [_placed(line, begin) for line in list(shown)[2:]]
    left = max(len(one), len(other)) - COMPARED
    if left > 0:
        found.append(("@", f"… {left} more lines are not compared"))
    return found


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines are the same from the beginning."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))


def _placed(line: str, begin: int) -> Line:
    """A line of a unified diff; where it speaks of a place, the place in the whole text."""
    kind, text = line[:1], line[1:]
    if kind != "@":
        return kind, text
    number = int(line.split()[2].lstrip("+").partition(",")[0])
    return "@", f"line {number + begin}"
