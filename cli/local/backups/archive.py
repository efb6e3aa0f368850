"""The file of a backup: a tar, written to a stream and read from one, so that it goes through a pipe.

Every part is checked against the manifest before anything is made of it. Nothing in it names a place outside
the folder that it is unpacked into.
"""

import contextlib
import dataclasses
import hashlib
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

from kohakuriver import clock, private_file
from kohakuriver.cli.local.backups import manifest as manifests
from kohakuriver.cli.local.backups.manifest import BackupDamaged, Manifest, Part
from kohakuriver.trees.members import Member

_CHUNK = 1024**2
_LONGEST_HEADER = 64 * 1024  # bytes


def part_of(content: IO[bytes]) -> Part:
    """Of a file that is then at its beginning again."""
    seen = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        seen.update(chunk)
    size = content.tell()
    content.seek(0)
    return Part(size, seen.hexdigest())


def write(stream: IO[bytes], manifest: Manifest, store: IO[bytes], files: Mapping[str, bytes]) -> Manifest:
    """Write a backup; its manifest, with all parts."""
    parts = {manifests.STORE: part_of(store)}
    parts |= {manifests.FILES + name: part_of(io.BytesIO(content)) for name, content in files.items()}
    whole = dataclasses.replace(manifest, parts=parts)
    head = whole.render()
    moment = int(clock.parse_timestamp(manifest.taken_at).timestamp())
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:

        def add(name: str, size: int, content: IO[bytes]) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = size, 0o600, moment
            tar.addfile(member, content)

        add(manifests.FIRST, len(head), io.BytesIO(head))
        add(manifests.STORE, parts[manifests.STORE].size, store)
        for name, content in sorted(files.items()):
            add(manifests.FILES + name, len(content), io.BytesIO(content))
        sums = whole.sums(hashlib.sha256(head).hexdigest())
        add(manifests.LAST, len(sums), io.BytesIO(sums))
    return whole


def read(stream: IO[bytes], folder: Callable[[Manifest], Path] | None = None) -> Manifest:
    """Check a backup, and unpack its parts below the folder that is named once its manifest is known, if any.
    Raises BackupDamaged, BackupTooNew, or OSError of the folder."""
    with _readable(), tarfile.open(fileobj=stream, mode="r|*", tarinfo=_Member) as tar:
        return _read(tar, folder)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BackupDamaged(f"this is no whole backup: {error}") from None


class _Member(Member):
    """One whose headers are short, as all are that `write` writes: what is longer would fill the memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.type == tarfile.GNUTYPE_SPARSE or (
            found.type not in tarfile.REGULAR_TYPES and found.size > _LONGEST_HEADER
        ):
            raise BackupDamaged("this is no whole backup: a header in it goes on for too long")
        return found


def _read(tar: tarfile.TarFile, folder: Callable[[Manifest], Path] | None) -> Manifest:
    members = iter(tar)
    first = next(members, None)
    if first is None or first.name != manifests.FIRST or not first.isreg() or first.size > manifests.LARGEST:
        raise BackupDamaged("this is no backup of KohakuRiver")
    head = _content(tar, first).read()
    manifest = manifests.parse(head)
    place = folder(manifest) if folder is not None else None
    missing, is_whole = dict(manifest.parts), False
    for member in members:
        if member.name == manifests.LAST:
            sums = _content(tar, member).read(manifests.LARGEST)
            is_whole = sums == manifest.sums(hashlib.sha256(head).hexdigest())
            continue
        part = missing.pop(member.name, None)
        if part is None or not member.isreg():
            raise BackupDamaged(f'this backup has a part "{member.name}" that its manifest does not have')
        if member.size != part.size or member.issparse():  # before any of it takes room
            raise BackupDamaged(f"{member.name} in this backup is damaged: it is not what the manifest says")
        target = place / member.name if place is not None else None
        if _copied(_content(tar, member), target) != part:
            raise BackupDamaged(f"{member.name} in this backup is damaged: it is not what the manifest says")
    if missing:
        raise BackupDamaged(f"this backup is cut short: {min(missing)} is missing")
    if not is_whole:
        raise BackupDamaged("this backup is damaged: its manifest is not what its sums say")
    return manifest


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = tar.extractfile(member)
    if found is None:
        raise BackupDamaged(f'"{member.name}" in this backup is no file')
    return found


def _copied(content: IO[bytes], target: Path | None) -> Part:
    """What came, written to a private file where one is named."""
    seen, size = hashlib.sha256(), 0
    with contextlib.ExitStack() as stack:
        file: IO[bytes] | None = None
        if target is not None:
            private_file.make_folder(target.parent)
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            file = stack.enter_context(os.fdopen(handle, "wb"))
        while chunk := content.read(_CHUNK):
            seen.update(chunk)
            size += len(chunk)
            if file is not None:
                file.write(chunk)
        if file is not None:
            file.flush()
            os.fsync(file.fileno())
    return Part(size, seen.hexdigest())
