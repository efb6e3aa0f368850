"""How much may stand in one body, in what a patch makes of it, and in an answer to it. Pure.

What a request costs follows the values in it rather than its bytes: three megabytes of `{},` would keep the
event loop, and with it every heartbeat, for half a minute.
"""

from collections.abc import Sequence
from typing import Any

DEEPEST = 100  # objects and lists inside each other; no kind has ten
MOST_VALUES = 10_000  # fields and items, all in all
MOST_NAMED = 50  # things that are wrong


def excess(value: Any) -> str:
    """What there is too much of, in words; empty if nothing. Looks no further than it must."""
    found, waiting = 0, [(value, 1)]
    while waiting:
        here, depth = waiting.pop()
        if not isinstance(here, dict | list):
            continue
        if depth > DEEPEST:
            return f"more than {DEEPEST} objects and lists inside each other"
        found += len(here)
        if found > MOST_VALUES:
            return f"more than {MOST_VALUES} fields and items"
        inside = here.values() if isinstance(here, dict) else here
        waiting += [(inner, depth + 1) for inner in inside if isinstance(inner, dict | list)]
    return ""


def listed(words: Sequence[str]) -> str:
    """Several things in one line, the first of many."""
    more = [f"and {len(words) - MOST_NAMED} more"] if len(words) > MOST_NAMED else []
    return ", ".join([*words[:MOST_NAMED], *more])
