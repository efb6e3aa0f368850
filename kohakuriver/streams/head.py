"""The head of an HTTP answer, read from its bytes as they come. Does no I/O, and knows what no code means."""

from collections.abc import Mapping
from typing import NamedTuple

LIMIT = 1 << 16  # bytes of a head


class NotHTTP(ValueError):
    """What comes is not the head of an HTTP answer; the message says why, as in `it does not speak HTTP`."""


class Head(NamedTuple):
    """A status line and its headers."""

    code: int
    headers: Mapping[str, str]  # by their names in lower case; the last of several counts

    @property
    def length(self) -> int:
        """The bytes that the body is announced to have; 0 where nothing is announced that can be read."""
        said = self.headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0


class HeadReader:
    """Puts one head together from its pieces."""

    def __init__(self) -> None:
        self._came = b""

    def feed(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head once it is whole, and the bytes behind it; None before. Raises NotHTTP."""
        self._came += data
        text, gap, rest = self._came.partition(b"\r\n\r\n")
        if len(text) > LIMIT:
            raise NotHTTP("its answer has no end")
        return (_parsed(text.decode("latin-1")), rest) if gap else None


def _parsed(text: str) -> Head:
    status, *lines = text.split("\r\n")
    version, _, words = status.partition(" ")
    code = words.partition(" ")[0]
    if not version.startswith("HTTP/1.") or len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise NotHTTP("it does not speak HTTP")
    pairs = (line.partition(":") for line in lines)
    return Head(int(code), {name.strip().lower(): value.strip() for name, _, value in pairs})
