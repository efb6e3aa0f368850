"""Ranks paths by how well they match a few typed letters. Pure."""

import heapq
from collections.abc import Iterable


def best(query: str, paths: Iterable[str], *, most: int) -> list[str]:
    """The best matches first; with nothing typed, the first there are."""
    wanted = query.lower().replace(" ", "")
    scored = ((score(wanted, path), -number, path) for number, path in enumerate(paths))
    found = heapq.nlargest(most, (one for one in scored if one[0] > 0))
    return [path for _, _, path in found]


def score(wanted: str, path: str) -> int:
    """0 where not all of the letters are there in order; else more for letters together, at starts of
    words, and in the name rather than in its folders."""
    lower = path.lower()
    name = lower.rfind("/") + 1
    whole = lower.find(wanted, name)
    if whole >= 0:
        return 1000 - len(path) + (500 if whole == name else 0) + (500 if lower[name:] == wanted else 0)
    return max(_scattered(wanted, lower, name), _scattered(wanted, lower, 0))


def _scattered(wanted: str, path: str, start: int) -> int:
    total, last = 0, -2
    position = start
    for letter in wanted:
        position = path.find(letter, position)
        if position < 0:
            return 0
        starts_word = position == 0 or path[position - 1] in "/._- "
        total += 8 if position == last + 1 else 6 if starts_word else 1
        last = position
        position += 1
    return max(1, total * 4 - len(path) // 4 + (100 if start else 0))
