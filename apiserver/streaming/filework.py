"""What a client asks for on a `files` stream, as it passes by: each request that moves content has a line.

It is read from the client's own frames on their way to the node, and told before they are there. Neither side
can leave anything out; what the node answers, and the content itself, is not looked at.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from kohakuriver.printable import cut
from kohakuriver.streams.frames import BrokenFrame, Decoder, Opcode
from kohakuriver.streams.splice import Passed

TOLD: Final = ("read", "write", "folder", "rename", "remove", "archive", "extract")
UNREAD: Final = "unread"
LINES: Final = 300  # in one minute of one stream: who opens a project in an editor stays below it
MINUTE: Final = 60.0
LONGEST_PATH: Final = 256
LONGEST: Final = 1 << 14  # bytes of one request; the longest path there may be has 4096

Tell = Callable[..., None]


class FileWork(Passed):
    """What came from the client of a `files` stream; `tell` gets op, file, to, and how many had no line."""

    def __init__(self, tell: Tell, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._tell = tell
        self._monotonic = monotonic
        self._decoder: Decoder | None = Decoder(masked=True)
        self._text = bytearray()
        self._minute = monotonic()
        self._lines = 0
        self.left_out = 0

    def add(self, data: bytes) -> None:
        super().add(data)
        if self._decoder is None:
            return
        try:
            for piece in self._decoder.feed(data):
                if piece.opcode is Opcode.TEXT:
                    self._take(piece.data, ends=piece.ends)
        except BrokenFrame:
            self._decoder = None  # the node ends the stream for it

    def _take(self, data: bytes, *, ends: bool) -> None:
        if len(self._text) <= LONGEST:
            self._text += data
        if ends:
            text, self._text = self._text, bytearray()
            request = _request(bytes(text))
            if request is not None and request.get("op") in (*TOLD, UNREAD):
                self._line(request)

    def _line(self, request: dict[str, Any]) -> None:
        now = self._monotonic()
        if now - self._minute >= MINUTE:
            self._minute, self._lines = now, 0
        if self._lines >= LINES:
            self.left_out += 1
            return
        self._lines += 1
        told = {"op": request["op"], "file": cut(str(request.get("path", "")), LONGEST_PATH)}
        if request["op"] == "rename":
            told["to"] = cut(str(request.get("to", "")), LONGEST_PATH)
        if self.left_out:
            told["left_out"] = self.left_out
            self.left_out = 0
        self._tell(**told)


def _request(text: bytes) -> dict[str, Any] | None:
    """None for what is not a request; one that is too long to be read may be any."""
    if len(text) > LONGEST:
        return {"op": UNREAD}
    try:
        found = json.loads(text)
    except RecursionError:
        return {"op": UNREAD}
    except ValueError:
        return None
    wanted = found.get("request") if isinstance(found, dict) else None
    return wanted if isinstance(wanted, dict) else None
