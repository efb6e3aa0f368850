"""The days left to the certificates that this server was started with: in its log once a day, in its metrics.

It serves on with what it read at its start; a file that is renewed counts from the next start on.
"""

import asyncio
import logging
from collections.abc import Mapping

from kohakuriver import certificates
from kohakuriver.clock import Clock

LOG = logging.getLogger(__name__)

EVERY = 86400.0  # seconds


class Expiry:
    """`files` are PEM files by what they are to this server."""

    def __init__(self, files: Mapping[str, bytes], clock: Clock) -> None:
        self._ends = {name: certificates.ends_of(content) for name, content in files.items()}
        self._clock = clock

    def days(self) -> dict[str, float]:
        now = self._clock.now()
        return {name: (end - now).total_seconds() / 86400 for name, end in self._ends.items()}

    def warning(self) -> str:
        """Of the one that is over first, if that is within a year; else empty."""
        name, days = min(self.days().items(), key=lambda item: item[1], default=("", float("inf")))
        if days >= certificates.WARN_DAYS:
            return ""
        return (
            f"the API server's certificate ({name}) is over in {days:.0f} days: renew it, restart the server"
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(EVERY)

    def step(self) -> None:
        for name, days in self.days().items():
            if days < certificates.WARN_DAYS:
                LOG.warning(
                    "a certificate runs out: renew it, then start this server again",
                    extra={"certificate": name, "days": int(days)},
                )
