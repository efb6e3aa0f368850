"""The members of a tar stream that a stranger wrote, one after the other, in little memory.

The one place that reads such a stream, for `unpack` and for the agent's images. tarfile reads whatever a
header announces, so here it reads through `_Forward`, which counts. Judges no name.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import IO, Any, Final, Protocol, cast

from kohakuriver.trees.pack import CHUNK

# Bytes of headers that one member may have; a path has at most 4,096. No more, because a Python without the
# mend of CVE-2024-6232 takes half a minute over 64 KiB that are made for it, and hours over 1 MiB.
_LONGEST_HEADER: Final = 64 * 1024

END: Final = bytes(2 * tarfile.BLOCKSIZE)


class Refused(Exception):
    """The stream is broken, or names what lies outside."""


class Reader(Protocol):
    """Where the stream comes from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at its end only. What breaks raises."""
        ...


def members(source: Reader) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Each member, with its content if it is a file. Raises Refused, and what tarfile raises.

    The content is good until the next member; what is not read of it is passed over.
    """
    forward = _Forward(source, allowed=_LONGEST_HEADER)
    how = {"fileobj": forward, "mode": "r:", "tarinfo": Member}
    with tarfile.open(**how) as archive:  # type: ignore[call-overload]  # it is no whole file
        while True:
            forward.allowed = _LONGEST_HEADER
            member = archive.next()
            forward.allowed = None
            if member is None:
                return
            archive.members.clear()  # it would keep every one
            if sum(len(key) + len(value) for key, value in archive.pax_headers.items()) > _LONGEST_HEADER:
                raise Refused("its headers for all members go on for too long")
            yield member, archive.extractfile(member) if member.isreg() else None


def written(member: tarfile.TarInfo, content: IO[bytes] | None) -> Iterator[bytes]:
    """The member again, for another stream; that one ends with END."""
    if member.issparse():
        raise Refused(f"{member.name}: a file with holes")
    yield member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if content is not None:
        while data := content.read(CHUNK):
            yield data
        yield bytes(-member.size % tarfile.BLOCKSIZE)


_DIGITS: Final = re.compile(rb"[0-9]{300}")  # a name in a path is shorter
_RECORD: Final = re.compile(rb"([0-9]{1,10}) ([^=\n]{1,300})=")


class Member(tarfile.TarInfo):
    """One whose headers are read in time that grows with their length: a Python without the mend of
    CVE-2024-6232 takes seconds, in which nothing else of the program runs, for an attribute of 16 KiB of
    digits. It sees letters in place of those, and what stood there is put back afterwards."""

    def _proc_pax(self, archive: Any) -> tarfile.TarInfo:
        stream = archive.fileobj
        data = stream.read(self._block(self.size))  # type: ignore[attr-defined]
        hidden: dict[str, str] = {}
        if _DIGITS.search(data):
            data, hidden = _without_digits(data)
        archive.fileobj = _Again(data, stream)
        try:
            found: tarfile.TarInfo = super()._proc_pax(archive)  # type: ignore[misc]
        finally:
            archive.fileobj = stream
        if self.type != tarfile.XGLTYPE:
            for key, value in hidden.items():
                cast(dict[str, str], found.pax_headers)[key] = value
                if key == "path":
                    found.name = value.rstrip("/")
                elif key == "linkpath":
                    found.linkname = value
        return found


def _without_digits(data: bytes) -> tuple[bytes, dict[str, str]]:
    """Records of as many bytes with no long numbers in them, and the values that had some. What follows the
    last whole record is no header of anything."""
    parts, hidden, at = list[bytes](), dict[str, str](), 0
    while record := _RECORD.match(data, at):
        end = at + int(record[1])
        if end <= record.end() or end > len(data):
            break
        value = data[record.end() : end - 1]
        if _DIGITS.search(value):
            hidden[record[2].decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
            value = b"x" * len(value)
        parts.append(data[at : record.end()] + value + b"\n")
        at = end
    return b"".join(parts) + bytes(len(data) - at), hidden


class _Again:
    """What was read of a stream once, and then the stream."""

    def __init__(self, data: bytes, stream: Any) -> None:
        self._data: bytes | None = data
        self._stream = stream

    def read(self, size: int) -> bytes:
        if self._data is None:
            found: bytes = self._stream.read(size)
            return found
        data, self._data = self._data, None
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Forward:
    """The part of a file that tarfile needs: it goes forward alone, and looks at what is asked for before it
    reads it. `allowed`: bytes that may still be read; None while it is content."""

    def __init__(self, source: Reader, *, allowed: int | None) -> None:
        self.allowed = allowed
        self._source = source
        self._block = memoryview(b"")
        self._at = 0

    def read(self, size: int) -> bytes:
        if size < 0:
            raise Refused("a size in it is below zero")
        if self.allowed is not None:
            if size > self.allowed:
                raise Refused("a header in it goes on for too long")
            self.allowed -= size
        parts = []
        while size and (part := self._take(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def seek(self, position: int) -> int:
        """Pass over what lies between; it takes no memory, so it is not counted."""
        if position < self._at:
            raise Refused("a size in it leads backwards")
        while position > self._at and self._take(position - self._at):
            pass
        return self._at

    def tell(self) -> int:
        return self._at

    def _take(self, most: int) -> memoryview:
        """Some of what comes next; nothing at the end."""
        if not self._block:
            self._block = memoryview(self._source.read(CHUNK))
        part, self._block = self._block[:most], self._block[most:]
        self._at += len(part)
        return part
