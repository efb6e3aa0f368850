"""How many lines strangers may leave in the log: whoever finds the port open could fill the disk with them.

A filter on the log of requests. Of those who have shown no credential that is known it passes so many a
minute, and the first line after that says how many were left out. What nobody expected always passes.
"""

import logging

from kohakuriver.clock import Clock

AUDIT = "apiserver.audit"
LINES = 60  # in one minute
MINUTE = 60.0


class Strangers(logging.Filter):
    """Counts the lines of a minute."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._began = clock.monotonic()
        self._passed = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "who", "") != "-" or record.levelno >= logging.ERROR:
            return True
        now = self._clock.monotonic()
        if now - self._began >= MINUTE:
            self._began, self._passed = now, 0
        if self._passed >= LINES:
            self._left_out += 1
            return False
        self._passed += 1
        if self._left_out:
            record.left_out = self._left_out
            self._left_out = 0
        return True
