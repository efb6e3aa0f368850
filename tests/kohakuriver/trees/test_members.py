"""Tar streams that a stranger wrote: they are read in little memory, whatever their headers announce."""

import io
import itertools
import os
import tarfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kohakuriver.trees.members import Refused, members
from kohakuriver.trees.unpack import unpack

LARGE = 1 << 20  # bytes
HUGE = 1 << 40


class Endless:
    """A stream that counts what is taken of it, and ends a test that takes far too much."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""
        self.taken = 0

    def read(self, size: int, /) -> bytes:
        while len(self._rest) < size and (block := next(self._blocks, b"")):
            self._rest += block
        data, self._rest = self._rest[:size], self._rest[size:]
        self.taken += len(data)
        assert self.taken < 64 * LARGE
        return data


def a_header(kind: bytes, size: int = 0, name: str = "x") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def a_record(key: str, value: str) -> bytes:
    """What pax says of a member, in one header; its length counts its own digits too."""
    bare = f" {key}={value}\n".encode()
    length = next(n for n in itertools.count(len(bare)) if n == len(bare) + len(str(n)))
    record = str(length).encode() + bare
    return record + bytes(-len(record) % tarfile.BLOCKSIZE)


def holes_without_end() -> Iterator[bytes]:
    head = bytearray(a_header(tarfile.GNUTYPE_SPARSE))
    head[482] = 1  # a block with more of them follows
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    yield bytes(head)
    yield from itertools.repeat((b"0" * 504 + b"\1").ljust(tarfile.BLOCKSIZE, b"\0"))


def announced(kind: bytes, *before: bytes) -> Callable[[], Iterator[bytes]]:
    """A header that announces 1 TiB, and data for as long as somebody reads."""
    return lambda: itertools.chain(before, [a_header(kind, HUGE)], itertools.repeat(b"a" * 10_240))


def names_of_names() -> Iterator[bytes]:
    return itertools.repeat(a_header(tarfile.GNUTYPE_LONGNAME, 512) + b"y" * 512)


ENDLESS = {
    "pax": announced(tarfile.XHDTYPE),
    "pax for all": announced(tarfile.XGLTYPE),
    "pax of Solaris": announced(tarfile.SOLARIS_XHDTYPE),
    "long name": announced(tarfile.GNUTYPE_LONGNAME),
    "long link": announced(tarfile.GNUTYPE_LONGLINK),
    "after a file": announced(tarfile.XHDTYPE, a_header(tarfile.REGTYPE, 1024), bytes(1024)),
    "names of names": names_of_names,
    "holes": holes_without_end,
}


@pytest.mark.parametrize("blocks", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_header_that_goes_on_for_ever_is_not_read(
    tmp_path: Path, blocks: Callable[[], Iterator[bytes]]
) -> None:
    source = Endless(blocks())
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="goes on for too long"):
            unpack(source, descriptor, note=print)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        os.close(descriptor)
    assert source.taken <= LARGE
    assert peak < 2 * LARGE, f"{peak} bytes in memory for a stream that only announces"


def test_headers_for_all_members_do_not_add_up() -> None:
    def blocks() -> Iterator[bytes]:
        for number in itertools.count():
            record = a_record(f"key{number}", "v" * 20_000)
            yield a_header(tarfile.XGLTYPE, len(record)) + record + a_header(tarfile.REGTYPE)

    seen = 0
    with pytest.raises(Refused, match="headers for all members"):
        for _ in members(Endless(blocks())):
            seen += 1
    assert seen == 3


def test_long_names_are_read_in_every_form() -> None:
    name = "/".join(["n" * 200] * 19)
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, name
        ((member, content),) = members(io.BytesIO(info.tobuf(form) + bytes(1024)))
        assert (member.name, member.linkname, content) == (name, name, None)


@pytest.mark.parametrize("key", ["SCHILY.xattr.user.a", "linkpath", "path"])
def test_long_numbers_in_headers_take_no_time_and_come_back(key: str) -> None:
    value = "1" * 60_000
    record = a_record(key, value)
    data = a_header(tarfile.XHDTYPE, len(record)) + record + a_header(tarfile.SYMTYPE) + bytes(1024)
    before = time.process_time()
    ((member, _),) = members(io.BytesIO(data))
    assert time.process_time() - before < 5  # a Python without the mend takes more than a minute
    assert member.pax_headers[key] == value
    assert {"linkpath": member.linkname, "path": member.name}.get(key, value) == value


def test_what_is_not_read_of_a_file_is_passed_over() -> None:
    sizes = [0, 1, 511, 512, 513, 700_001]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for size in sizes:
            info = tarfile.TarInfo(f"{size}")
            info.size = size
            archive.addfile(info, io.BytesIO(b"x" * size))
    for part in (0, 1, 300, 1 << 30):
        out.seek(0)
        found = [(member.name, len(content.read(part))) for member, content in members(out) if content]
        assert found == [(f"{size}", min(size, part)) for size in sizes]


@pytest.mark.parametrize("size", [-512, -1])
def test_a_size_below_zero_is_refused(size: int) -> None:
    head = bytearray(a_header(tarfile.XHDTYPE))
    head[124:136] = (256**12 + size).to_bytes(12, "big")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    with pytest.raises((Refused, tarfile.TarError)):
        list(members(io.BytesIO(bytes(head) + b"a" * LARGE)))
