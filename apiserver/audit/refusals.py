"""How many lines refusals may leave: whoever finds the port open, or has some token, could fill the disk.

A filter on the log of requests. Of each reason for which somebody at some address was refused it passes one
line in ten seconds, and of all who have shown no credential that is known so many a minute. What is left out
is counted: the next line of the same kind says how many there were before it, or a line at the end of the
minute does. What nobody expected always passes.
"""

import asyncio
import collections
import dataclasses
import logging
from collections.abc import Hashable
from typing import Final

from kohakuriver.apiserver.identity.addresses import place_of
from kohakuriver.clock import Clock

EVERY: Final = 10.0  # seconds between two lines of one address and reason
LINES: Final = 60  # in one minute, of all strangers together
MINUTE: Final = 60.0
NAMED: Final = 10  # of those refused most, in the lines at the end of a minute
KEPT: Final = 10_000  # kinds of refusals remembered; of those longest not seen only the number stays
GONE: Final = 499  # the client has gone: nobody refused it

LOG = logging.getLogger("kohakuriver.apiserver.audit")


def refused(sentence: str, **fields: object) -> None:
    """Somebody was refused before there was a request of his."""
    LOG.info(sentence, extra={"who": "-", **fields, "_audit": {"event": "refused"}})


@dataclasses.dataclass(slots=True)
class _Kind:
    """One address and reason."""

    told: float  # when it last had a line
    left_out: int = 0
    who: str = "-"
    code: int = 0
    place: str = ""


class Refusals(logging.Filter):
    """Counts them."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: collections.OrderedDict[Hashable, _Kind] = collections.OrderedDict()
        self._forgotten = 0  # left out, and of a kind that is no longer remembered
        self._minute = clock.monotonic()
        self._lines = 0  # of strangers, in this minute

    def filter(self, record: logging.LogRecord) -> bool:
        code = getattr(record, "code", 0)
        event = getattr(record, "_audit", {}).get("event", "refused")
        if record.levelno >= logging.ERROR or code < 400 or code == GONE or event != "refused":
            return True
        now = self._clock.monotonic()
        kind, is_new = self._kind(record, now)
        if not is_new and now - kind.told < EVERY:
            kind.left_out += 1
            return False
        if kind.who == "-" and not self._has_room(now):
            kind.left_out += 1
            return False
        kind.told = now
        if kind.left_out:
            record.left_out = kind.left_out
            kind.left_out = 0
        return True

    async def run(self) -> None:
        """Tell of what was left out, each minute."""
        while True:
            await asyncio.sleep(MINUTE)
            self.tell()

    def tell(self) -> None:
        """Lines for what was left out of the minute that has passed."""
        quiet = self._clock.monotonic() - EVERY
        silent = sorted((one for one in self._kinds.values() if one.left_out), key=lambda one: -one.left_out)
        for one in silent[:NAMED]:
            fields: dict[str, object] = {"who": one.who, "from": one.place, "code": one.code}
            _summary("more were refused in the last minute", fields | {"left_out": one.left_out})
        rest = sum(one.left_out for one in silent[NAMED:]) + self._forgotten
        if rest:
            _summary("others were refused in the last minute", {"left_out": rest})
        self._forgotten = 0
        for key, one in list(self._kinds.items()):
            one.left_out = 0
            if one.told < quiet:
                del self._kinds[key]

    def _kind(self, record: logging.LogRecord, now: float) -> tuple[_Kind, bool]:
        who, place = getattr(record, "who", "-"), place_of(str(getattr(record, "from", "-")))
        # What a stranger asks for is his to choose: another path or method each time is the same refusal.
        key = (who, place, record.code, getattr(record, "verb", "") if who != "-" else "")  # type: ignore[attr-defined]
        found = self._kinds.get(key)
        if found is not None:
            self._kinds.move_to_end(key)
            return found, False
        if len(self._kinds) >= KEPT:
            self._forgotten += self._kinds.popitem(last=False)[1].left_out
        made = self._kinds[key] = _Kind(now, who=who, code=record.code, place=place)  # type: ignore[attr-defined]
        return made, True

    def _has_room(self, now: float) -> bool:
        if now - self._minute >= MINUTE:
            self._minute, self._lines = now, 0
        self._lines += 1
        return self._lines <= LINES


def _summary(sentence: str, fields: dict[str, object]) -> None:
    LOG.info(sentence, extra=fields | {"_audit": {"event": "more"}})
