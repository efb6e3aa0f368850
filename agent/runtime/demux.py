"""Standard output and standard error out of the one stream in which the engine sends both. Pure."""

import struct
from collections.abc import Iterator
from typing import Final

STDOUT, STDERR = "stdout", "stderr"
_HEADER: Final = 8
_NAMES = {0: STDOUT, 1: STDOUT, 2: STDERR}


class Demux:
    """One stream. What is no frame of it is the engine's own complaint, and goes to standard error."""

    def __init__(self) -> None:
        self._waiting = b""
        self._left = 0
        self._name = STDOUT
        self.complaint = b""  # what the engine said in place of frames
        self._complains = False

    @property
    def is_between(self) -> bool:
        """Whether all that has begun has come: a stream that ends elsewhere was cut."""
        return not self._left and not self._waiting

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Whose bytes, and the bytes."""
        data, self._waiting = self._waiting + data, b""
        position = 0
        while position < len(data):
            if self._complains:
                self.complaint += data[position:]
                return
            if not self._left:
                head = data[position : position + _HEADER]
                if not _may_begin(head):
                    self._complains = True
                    continue
                if len(head) < _HEADER:
                    self._waiting = head
                    return
                self._name, self._left = _NAMES[head[0]], struct.unpack(">I", head[4:])[0]
                position += _HEADER
                continue
            part = data[position : position + self._left]
            position += len(part)
            self._left -= len(part)
            yield self._name, part


def _may_begin(head: bytes) -> bool:
    return head[0] in _NAMES and not any(head[1:4])
