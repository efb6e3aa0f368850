"""How long to leave an object alone after its last try failed: longer each time, never longer than a cap.

Holds counts, asks no clock: whoever waits does so itself.
"""

import random
from collections.abc import Hashable
from typing import Generic, TypeVar

from kohakuriver import backoff

Key = TypeVar("Key", bound=Hashable)

PAUSES = backoff.Backoff(first=0.05, longest=5.0)


class Backoff(Generic[Key]):
    """Counts failures in a row, by key."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._failures: dict[Key, int] = {}

    def failed(self, key: Key) -> float:
        """Another failure: how long to wait, in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return PAUSES.pause(failures) * self._chance.uniform(0.7, 1.0)

    def forget(self, key: Key) -> None:
        """It worked, or is gone."""
        self._failures.pop(key, None)
