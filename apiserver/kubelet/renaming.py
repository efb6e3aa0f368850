"""Puts the members of a tar stream into another folder, without I/O: bytes in, bytes out.

What tar itself writes of `/srv/data` has `srv/data/…` for names, and the files service names what is in a
folder from that folder on. Reads what that service writes: ustar, with pax headers for what is long.
"""

import tarfile
from typing import Final

BLOCK: Final = tarfile.BLOCKSIZE
LONGEST: Final = 64 * 1024  # bytes of pax headers of one member


class BrokenTar(Exception):
    """What came is not a tar stream that can be read here."""


def named(path: str) -> str:
    """The folder of names that tar writes for a path: without slashes at its ends."""
    return path.strip("/")


def member(name: str, *, size: int, mode: int, mtime: int) -> bytes:
    """The header of a file, whose bytes and `padding` follow."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, mode, mtime
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """What fills a file's last block."""
    return bytes(-size % BLOCK)


END: Final = bytes(2 * BLOCK)


class Renamer:
    """One stream. `folder` is what the members' names are to begin with."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._came = b""
        self._left = 0  # bytes of content, padded, that pass as they are
        self._pax: dict[str, str] = {}
        self._is_over = False

    def feed(self, data: bytes) -> bytes:
        """The same stream, as far as it can be told by now. Raises BrokenTar."""
        self._came += data
        out, at = bytearray(), 0
        while at < len(self._came) and not self._is_over:
            if self._left:
                part = self._came[at : at + self._left]
                out += part
                at += len(part)
                self._left -= len(part)
                continue
            size = self._size(at)
            if size is None:
                break
            out += self._member(self._came[at : at + size])
            at += size
        if self._is_over:
            out += self._came[at:]
            at = len(self._came)
        self._came = self._came[at:]
        return bytes(out)

    def _size(self, at: int) -> int | None:
        """Of the header there, a pax header with its content; None while it has not all come."""
        have = len(self._came) - at
        if have < BLOCK:
            return None
        head = self._came[at : at + BLOCK]
        size = BLOCK
        if head[156:157] == tarfile.XHDTYPE:
            length = self._read(head).size
            if length > LONGEST:
                raise BrokenTar("its headers go on for too long")
            size += length + len(padding(length))
        return size if have >= size else None

    def _member(self, header: bytes) -> bytes:
        """The header, renamed; nothing for a pax header, which goes out with the one behind it."""
        if header == bytes(BLOCK):
            self._is_over = True
            return header
        info = self._read(header[:BLOCK])
        if info.type == tarfile.XHDTYPE:
            self._pax = _records(header[BLOCK : BLOCK + info.size])
            return b""
        pax, self._pax = self._pax, {}
        name = pax.pop("path", info.name)
        info.linkname = pax.pop("linkpath", info.linkname)
        info.size = _number(pax.pop("size", ""), info.size)
        self._left = info.size + len(padding(info.size)) if info.isreg() else 0
        info.name = self._folder if name in (".", "") else f"{self._folder}/{name}"
        info.pax_headers = pax
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")

    def _read(self, head: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise BrokenTar(str(error)) from None


def _records(content: bytes) -> dict[str, str]:
    """`LENGTH NAME=VALUE` and a line end, one after the other (POSIX.1-2001, pax)."""
    found, at = {}, 0
    while at < len(content):
        text, _, _ = content[at : at + 8].partition(b" ")
        length = _number(text.decode("latin-1"), 0)
        name, equals, value = content[at + len(text) + 1 : at + length].partition(b"=")
        if not length or not equals:
            raise BrokenTar("a pax header that cannot be read")
        found[name.decode("utf-8", "surrogateescape")] = value[:-1].decode("utf-8", "surrogateescape")
        at += length
    return found


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else otherwise
