"""HTTP/1.1 on one connection, as far as a client of the API speaks it: one request, then one answer.

The standard library's client reads headers with its parser of electronic mail, whose import takes as long as
much that a short command does. It stays the measure: the tests hold what is read here against what it reads.
Knows no JSON, retries nothing. Where the other side breaks off or speaks something else, it raises `Broken`.
"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import BinaryIO, cast

_LINE = 1 << 16  # bytes of a status line, a header or the size of a chunk
_HEADERS = 100
_BUFFER = 1 << 16
_PIECE = 1 << 20  # bytes read at once, whatever size an answer claims to have
_SIZE = re.compile(r"[0-9A-Fa-f]{1,15}", re.ASCII)  # of a chunk
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_EMPTY = (204, 304)
_WITH_BODY = ("POST", "PUT", "PATCH")  # which say so where theirs is empty


class Broken(ConnectionError):
    """What came is no whole answer."""


class Answer:
    """The head of an answer, and what reads its body."""

    def __init__(self, status: int, version: str, headers: list[tuple[str, str]], file: BinaryIO) -> None:
        self.status = status
        self._headers = headers
        self._file = file
        self._chunked = self.header("transfer-encoding").lower() == "chunked"
        self._left = None if self._chunked else self._length()
        said = self.header("connection").lower()
        kept = "close" not in said if version != "HTTP/1.0" else "keep-alive" in said
        self.closes = not kept or (self._left is None and not self._chunked)

    def header(self, name: str) -> str:
        """The first header of that name, empty where there is none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Every header of that name."""
        return [value for found, value in self._headers if found == name.lower()]

    def read(self) -> bytes:
        """The whole body. Raises Broken where its end does not come."""
        if self._left is None:
            return b"".join(self._chunks()) if self._chunked else self._file.read()
        return _exactly(self._file, self._left)

    def lines(self) -> Iterator[bytes]:
        """The body, line by line, each as soon as it is whole. Raises Broken."""
        if not self._chunked:
            yield from iter(self._file.readline, b"")
            return
        begun = b""
        for chunk in self._chunks():
            *whole, begun = (begun + chunk).split(b"\n")
            yield from (line + b"\n" for line in whole)
        if begun:
            yield begun

    def _length(self) -> int | None:
        said = self.header("content-length")
        if self.status in _EMPTY or self.status < 200:
            return 0
        if _LENGTH.fullmatch(said):
            return int(said)
        if said.isdecimal():
            raise Broken("its answer has no end")
        return None

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size, _, _ = _line(self._file).partition(b";")
            digits = size.decode("latin-1").strip()
            if not _SIZE.fullmatch(digits):
                raise Broken("a part of its answer has no size")
            length = int(digits, 16)
            if length == 0:
                break
            yield _exactly(self._file, length)
            _exactly(self._file, 2)
        while _line(self._file).strip():
            pass  # trailers say nothing that is asked for


class Wire:
    """A connection to a server."""

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None, timeout: float) -> None:
        """Raises OSError where it cannot be reached."""
        # Bytes: of a text the standard library asks its tables of all languages' letters.
        name: str | bytes = host.encode() if host.isascii() else host
        self._host = _host(host, port, default=443 if tls else 80)
        self.socket = socket.create_connection((name, port), timeout)  # type: ignore[arg-type]
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self.socket = tls.wrap_socket(self.socket, server_hostname=name)
        except BaseException:
            self.socket.close()
            raise
        self._file = cast(BinaryIO, self.socket.makefile("rb", _BUFFER))

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send a request; the head of its answer. Raises OSError."""
        given = {"Host": self._host, "Accept-Encoding": "identity", **headers}
        if body is not None or method in _WITH_BODY:
            given["Content-Length"] = str(len(body or b""))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        if any(not line.isprintable() for line in lines) or " " in target:
            raise Broken("the request holds what no line of HTTP may")
        try:
            head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        except UnicodeEncodeError:
            raise Broken("the request holds what no line of HTTP may") from None
        self.socket.sendall(head + (body or b""))
        return self._answer()

    def _answer(self) -> Answer:
        while True:
            line = _line(self._file, "it closed the connection without an answer")
            version, _, rest = line.decode("latin-1").strip().partition(" ")
            code = rest[:3]
            if not version.startswith("HTTP/1.") or not (code.isdecimal() and rest[3:4] in ("", " ")):
                raise Broken("it does not speak HTTP")
            headers = self._headers()
            if code != "100":
                return Answer(int(code), version, headers, self._file)

    def _headers(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while (line := _line(self._file).decode("latin-1").rstrip("\r\n")) != "":
            name, colon, value = line.partition(":")
            if line[0] in " \t" and found:
                found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")  # folded, as once was allowed
            elif colon:
                found.append((name.strip().lower(), value.strip()))
            if len(found) > _HEADERS:
                raise Broken("its answer has too many headers")
        return found


def _host(host: str, port: int, *, default: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == default else f"{shown}:{port}"


def _line(file: BinaryIO, closed: str = "it closed the connection in the middle of its answer") -> bytes:
    line = file.readline(_LINE + 1)
    if not line:
        raise Broken(closed)
    if len(line) > _LINE:
        raise Broken("a line of its answer has no end")
    return line


def _exactly(file: BinaryIO, length: int) -> bytes:
    pieces: list[bytes] = []
    while length > 0:
        data = file.read(min(length, _PIECE))
        if not data:
            raise Broken("it closed the connection in the middle of its answer")
        pieces.append(data)
        length -= len(data)
    return b"".join(pieces)
