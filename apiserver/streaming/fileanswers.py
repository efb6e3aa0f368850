"""How what was asked for on a `files` stream ended, as the node says it: counted as its answers pass by.

Content is not looked at, nor what an answer holds: only that it is one, and why a request failed. What the
client asked for is read from its own frames (`filework.py`); this is the node's word, and told as such.
"""

import json
from typing import Any, Final

from kohakuriver.printable import cut
from kohakuriver.streams.frames import BrokenFrame, Decoder, Opcode
from kohakuriver.streams.splice import Passed

LONGEST: Final = 1 << 14  # bytes of a failure that are read
LONGEST_WORDS: Final = 256  # characters of one that are told
_ANSWER: Final = b'{"answer":'
_FAILED: Final = b'{"failed":'


class FileAnswers(Passed):
    """What came from the node of a `files` stream."""

    def __init__(self) -> None:
        super().__init__()
        self.succeeded = 0
        self.failed = 0
        self.failure = ""  # why the last one did
        self._decoder: Decoder | None = Decoder(masked=False)
        self._text = bytearray()

    def add(self, data: bytes) -> None:
        super().add(data)
        if self._decoder is None:
            return
        try:
            for piece in self._decoder.feed(data):
                if piece.opcode is Opcode.TEXT:
                    self._take(piece.data, ends=piece.ends)
        except BrokenFrame:
            self._decoder = None  # the client ends the stream for it

    def shown(self) -> dict[str, object]:
        """For the line at the end."""
        told: dict[str, object] = {"succeeded": self.succeeded, "failed": self.failed}
        return told | ({"failure": self.failure} if self.failure else {})

    def _take(self, data: bytes, *, ends: bool) -> None:
        if len(self._text) < LONGEST:
            self._text += data[:LONGEST]
        if not ends:
            return
        text, self._text = bytes(self._text), bytearray()
        if text.startswith(_ANSWER):
            self.succeeded += 1
        elif text.startswith(_FAILED):
            self.failed += 1
            self.failure = cut(_words(text), LONGEST_WORDS)


def _words(text: bytes) -> str:
    """Of a Status; a node may say anything."""
    try:
        found: Any = json.loads(text)["failed"]
        return str(found["message"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return "the node said no reason that can be read"
