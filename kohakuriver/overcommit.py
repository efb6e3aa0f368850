"""How often a node gives each of its cores: the ratio between what may be declared and what is there.

    room = allocatable x ratio - (cores held alone x ratio + shares)

A ratio counts in thousandths and cores in millicores, so that nothing is compared as a float. Why cores are
given more than once: docs/design/015-cores-are-shared.md. Pure.
"""

from collections.abc import Mapping
from typing import Any

from kohakuriver import quantity

ONCE, MOST = 1000, 64_000  # thousandths
DEFAULT = 4 * ONCE  # of an agent that is not told otherwise


def parse(text: str | int | float) -> int:
    """A ratio in thousandths. Raises ValueError."""
    refusal = f'invalid ratio "{text}": use a number from 1 to 64, such as 4 or 1.5'
    try:
        exact = quantity.parse(text) * ONCE
    except ValueError:
        raise ValueError(refusal) from None
    if not str(text)[-1:].isdigit() or exact != int(exact) or not ONCE <= exact <= MOST:
        raise ValueError(refusal)
    return int(exact)


def written(ratio: int) -> str:
    """A ratio as a number of times, such as "4" or "1.5"."""
    return f"{ratio / ONCE:g}"


def of(node: Mapping[str, Any] | None) -> int:
    """The ratio of a Node; an agent of before says none, and gives each core once. Raises ValueError."""
    status = (node or {}).get("status")
    said = status.get("cpuOvercommit") if isinstance(status, Mapping) else None
    return ONCE if said is None else parse(said)


def weight(*, alone: int, shared: int, ratio: int) -> int:
    """What so many millicores take of `room`."""
    return alone * ratio + shared * ONCE


def room(there: int, *, alone: int, shared: int, ratio: int) -> int:
    """What is left of so many millicores; below 0 where more is booked than may be."""
    return there * ratio - weight(alone=alone, shared=shared, ratio=ratio)


def to_give(there: int, *, alone: int, ratio: int) -> int:
    """Millicores for all VPSes together: those that are held alone count once, the others RATIO times."""
    once = min(there, alone)
    return once + (there - once) * ratio // ONCE
