"""Durations as kubectl and Go write them, and days: "30s", "2m", "1h30m", "500ms", "7d"."""

import math
import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)", re.ASCII)
_LONGEST = 40  # characters; the time that the search takes grows with their square
LONGEST_GRACE = 14 * 24 * 3600.0  # seconds; for longer no socket waits for an answer, and nobody means more

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse(text: str | int | float) -> float:
    """A duration in seconds; a bare number counts seconds. Raises ValueError."""
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 <= text < math.inf:
        return float(text)
    if isinstance(text, str) and len(text) > _LONGEST:
        raise ValueError(f'invalid duration "{text[:_LONGEST]}…": write one such as 30s, 2m or 1h30m')
    whole = str(text).strip()
    if re.fullmatch(r"\d+(\.\d+)?", whole, re.ASCII):
        return float(whole)
    if not whole or _PART.sub("", whole):
        raise ValueError(f'invalid duration "{text}": write one such as 30s, 2m or 1h30m')
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(whole))


def age(seconds: float) -> str:
    """An age as kubectl's AGE column shows it: 45s, 3m20s, 5h12m, 3d4h, 12d."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{whole % 60}s" if whole % 60 else "")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    return f"{days}d" if days < 730 else f"{days // 365}y"
