"""What a program wrote: how much is kept, has been sent, and has been shown. Pure.

Attached, nothing is dropped that was not acknowledged, and the program is stopped when too much waits;
detached, the program runs on and the oldest is dropped. What somebody who attaches is shown of before is made
quiet: no terminal answers it (replay.py). What comes while somebody is attached is never touched.
"""

import dataclasses
from typing import Final

from kohakuriver.agent.holder.replay import quiet
from kohakuriver.agent.holder.ring import Ring

KEPT: Final = 1 << 18  # bytes that a client who comes back can still get
AHEAD: Final = 1 << 18  # bytes that are sent beyond what was acknowledged, at most
PIECE: Final = 1 << 16  # bytes that are sent at a time


@dataclasses.dataclass(frozen=True, slots=True)
class Resumed:
    """Where the output goes on for who attaches."""

    output: int
    missed: int  # bytes that were asked for and are no longer kept


class Outflow:
    """The output of one program."""

    def __init__(self, *, kept: int = KEPT, ahead: int = AHEAD) -> None:
        self._ring = Ring()
        self._kept = kept
        self._ahead = ahead
        self._is_attached = False
        self._sent = 0
        self._acknowledged = 0
        self._seen = 0  # the offset before which everything was sent to some terminal

    @property
    def total(self) -> int:
        """Bytes written so far."""
        return self._ring.end

    @property
    def is_full(self) -> bool:
        """Whether the program has to wait for whoever is attached."""
        return self._is_attached and self._ring.end - self._acknowledged >= self._ahead

    @property
    def is_sent(self) -> bool:
        """Whether nothing is left to send."""
        return self._is_attached and self._sent == self._ring.end

    def came(self, data: bytes) -> None:
        self._ring.append(data)
        self._drop()

    def attach(self, offset: int | None, *, comes_back: bool, is_first: bool = False) -> Resumed:
        """Somebody who has seen everything before `offset`; None: who wants all that is kept.

        Who comes back was the last to be attached, so that nobody has seen what is behind `offset`. For the
        first, who had the program started, nothing is old.
        """
        start = self._ring.start
        output = start if offset is None else min(max(offset, start), self._ring.end)
        if comes_back and offset is not None:
            self._seen = output
        if not is_first:
            self._make_quiet(output)
        self._is_attached = True
        self._sent = self._acknowledged = output
        return Resumed(output, 0 if offset is None else output - min(offset, output))

    def detach(self) -> None:
        self._is_attached = False
        self._drop()

    def acknowledge(self, offset: int) -> None:
        """Everything before that offset has been shown. What was never sent cannot have been."""
        self._acknowledged = max(self._acknowledged, min(offset, self._sent))
        self._drop()

    def take(self) -> bytes:
        """The next bytes to send; none where there are none, or too many are unacknowledged."""
        room = self._acknowledged + self._ahead - self._sent
        if not self._is_attached or room <= 0 or self._sent == self._ring.end:
            return b""
        data = self._ring.read(self._sent, min(room, PIECE))
        self._sent += len(data)
        self._seen = max(self._seen, self._sent)
        return data

    def _make_quiet(self, output: int) -> None:
        kept = self._ring.read(output, self._ring.end - output)
        made = quiet(kept, seen=self._seen - output)
        if made != kept:
            self._ring.replace_from(output, made)

    def _drop(self) -> None:
        keep = self._ring.end - self._kept
        self._ring.drop_before(min(keep, self._acknowledged) if self._is_attached else keep)
