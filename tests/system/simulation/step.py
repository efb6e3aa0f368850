"""What a history is made of."""

from typing import Any, NamedTuple

NAMES = ("v0", "v1", "v2", "v3", "v4", "v5", "v6")


class Step(NamedTuple):
    """Wait so many seconds, then do it; `about` are the arguments of the method of that name in play.py."""

    wait: float
    verb: str
    about: tuple[Any, ...] = ()
