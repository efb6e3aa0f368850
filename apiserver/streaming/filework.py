"""What a client asks for on a `files` stream, as it passes by: each request that moves content has a line.

It is read from the client's own frames on their way to the node, and told before they are there. Neither side
can leave anything out; what the node answers, and the content itself, is not looked at.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from kohakuriver.apiserver.streaming.messages import LONGEST, Messages
from kohakuriver.printable import cut

TOLD: Final = ("read", "write", "folder", "rename", "remove", "archive", "extract")
UNREAD: Final = "unread"
LINES: Final = 300  # in one minute of one stream: who opens a project in an editor stays below it
MINUTE: Final = 60.0
LONGEST_PATH: Final = 256

Tell = Callable[..., None]


class FileWork(Messages):
    """What came from the client of a `files` stream; `tell` gets op, file, to, and how many had no line."""

    def __init__(self, tell: Tell, monotonic: Callable[[], float]) -> None:
        super().__init__(masked=True)
        self._tell = tell
        self._monotonic = monotonic
        self._minute = monotonic()
        self._lines = 0
        self.left_out = 0

    def take(self, text: bytes) -> None:
        request = _request(text)
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
