"""How long to wait after failures in a row: each time twice as long, up to a longest pause. Pure."""

import dataclasses
from typing import Final

_DOUBLINGS: Final = 30  # by then it is the longest, and a float holds no more than a thousand


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses in seconds, from the first to the longest."""

    first: float
    longest: float

    def pause(self, failures: int) -> float:
        """The pause after that many failures in a row; after none there is none."""
        if failures < 1:
            return 0.0
        return min(self.longest, self.first * 2.0 ** min(failures - 1, _DOUBLINGS))
