"""How what was asked for on a `files` stream ended, as the node says it: counted as its answers pass by.

Content is not looked at, nor what an answer holds: only that it is one, and why a request failed. What the
client asked for is read from its own frames (`filework.py`); this is the node's word, and told as such.
"""

import json
from typing import Any, Final

from kohakuriver.apiserver.streaming.messages import Messages
from kohakuriver.printable import cut

LONGEST_WORDS: Final = 256  # characters of one that are told
_ANSWER: Final = b'{"answer":'
_FAILED: Final = b'{"failed":'


class FileAnswers(Messages):
    """What came from the node of a `files` stream."""

    def __init__(self) -> None:
        super().__init__(masked=False)
        self.succeeded = 0
        self.failed = 0
        self.failure = ""  # why the last one did

    def shown(self) -> dict[str, object]:
        """For the line at the end."""
        told: dict[str, object] = {"succeeded": self.succeeded, "failed": self.failed}
        return told | ({"failure": self.failure} if self.failure else {})

    def take(self, text: bytes) -> None:
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
