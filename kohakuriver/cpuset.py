"""Sets of cores as the kernel writes them: "0-3,8"."""

import re
from collections.abc import Collection

MOST = 4096  # cores of a set; a bigger one is a mistake, and no memory is spent on it
_PART = re.compile(r"\s*(\d{1,5})(?:-(\d{1,5}))?\s*", re.ASCII)  # no core has more digits


def parse(text: str) -> frozenset[int]:
    """The cores of a set; "" is none. Raises ValueError."""
    ranges = []
    for part in text.split(",", MOST) if text.strip() else ():
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f'invalid set of cores "{text[:80]}": write one such as 0-3,8')
        first, last = int(match[1]), int(match[2] or match[1])
        ranges.append(range(first, last + 1))
    if sum(map(len, ranges)) > MOST:
        raise ValueError(f'"{text[:80]}" has more than {MOST} cores, which no machine has')
    return frozenset().union(*ranges)


def written(cores: Collection[int]) -> str:
    """The shortest way to write a set."""
    parts: list[str] = []
    left = sorted(cores)
    while left:
        length = next((n for n in range(1, len(left)) if left[n] != left[0] + n), len(left))
        parts.append(str(left[0]) if length == 1 else f"{left[0]}-{left[length - 1]}")
        left = left[length:]
    return ",".join(parts)
