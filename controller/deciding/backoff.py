"""How long to leave an object alone after its last try failed: longer each time, never longer than a cap.

Holds counts, asks no clock: whoever waits does so itself.
"""

import random
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

FIRST = 0.05  # seconds
CAP = 5.0


class Backoff(Generic[Key]):
    """Counts failures in a row, by key."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._failures: dict[Key, int] = {}

    def failed(self, key: Key) -> float:
        """Another failure: how long to wait, in seconds."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        return min(CAP, FIRST * 2.0 ** min(count, 20)) * self._chance.uniform(0.7, 1.0)

    def forget(self, key: Key) -> None:
        """It worked, or is gone."""
        self._failures.pop(key, None)
