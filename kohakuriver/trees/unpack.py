"""A tar stream written below a folder, and nowhere else, whatever the stream says.

Every folder on the way is opened by descriptor and never through a link; a name that is absolute or has
`..` in it ends it all. Each file gets its name only when it is whole. Set-uid and set-gid bits are dropped.
A stream takes no more memory, and no more room, than what it brings: files with holes, and headers that go on
for ever, are refused.
"""

import contextlib
import dataclasses
import os
import secrets
import stat
import tarfile
from collections.abc import Callable
from typing import Final

from kohakuriver.trees.members import Reader, Refused, members
from kohakuriver.trees.pack import CHUNK, Note, Opened, by_name

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODES: Final = 0o1777
_MOST_FOLDERS: Final = 500  # inside each other


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """Who is to own what is made."""

    uid: int
    gid: int


def temporary(name: str) -> str:
    """A name beside it that nobody else has, hidden, and short enough whatever the name."""
    return f".{name[:40]}.kohakuriver-{secrets.token_hex(6)}"


def unpack(
    reader: Reader,
    folder: int,
    *,
    note: Note,
    owner: Owner | None = None,
    outward_links: bool = False,
    made: Callable[[int], None] = lambda size: None,
    opened: Opened = by_name,
) -> int:
    """Write it all below the folder, which is a descriptor; how many members. Raises Refused and OSError.

    `outward_links`: keep links that lead out of the folder, which are left out else. `made` is told of each
    member's size. What is left out, `note` is told.
    """
    unpacker = _Unpacker(folder, note=note, owner=owner, outward_links=outward_links, opened=opened)
    count = 0
    try:
        for member, content in members(reader):
            unpacker.member(member, content)
            made(member.size)
            count += 1
        unpacker.finish()
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"it is not a whole tar stream: {error}") from error
    finally:
        unpacker.close()
    return count


class _Unpacker:
    def __init__(
        self, folder: int, *, note: Note, owner: Owner | None, outward_links: bool, opened: Opened
    ) -> None:
        self._top = folder
        self._opened = opened
        self._note = note
        self._owner = owner
        self._outward_links = outward_links
        self._made: list[tuple[tuple[str, ...], int, int]] = []  # folders: path, mode, mtime
        self._open: tuple[tuple[str, ...], int] | None = None  # the folder that was written to last

    def member(self, member: tarfile.TarInfo, content: Reader | None) -> None:
        parts = _parts(member.name)
        if member.issparse():
            raise Refused(f"{member.name}: a file with holes, which could fill any disk")
        if not parts:
            if member.isdir():
                self._made.append(((), member.mode, int(member.mtime)))
            return
        parent, name = self._folder(parts[:-1]), parts[-1]
        if member.isdir():
            if self._make_folder(parent, name):
                self._made.append((parts, member.mode, int(member.mtime)))
        elif member.issym():
            self._link(parent, parts, member.linkname)
        elif content is not None:
            self._file(parent, name, content, member)
        else:
            self._note(f"{member.name}: it is not a file, folder or link")

    def finish(self) -> None:
        """Give folders their modes and times, now that nothing is written into them any more."""
        for parts, mode, mtime in reversed(self._made):
            descriptor = self._folder(parts)
            os.fchmod(descriptor, mode & _MODES)
            os.utime(descriptor, (mtime, mtime))

    def close(self) -> None:
        if self._open is not None and self._open[1] != self._top:
            os.close(self._open[1])
        self._open = None

    def _folder(self, parts: tuple[str, ...]) -> int:
        """A descriptor of that folder, made where it is missing; it is good until the next call."""
        if self._open is not None and self._open[0] == parts:
            return self._open[1]
        self.close()
        descriptor = self._top
        for place, part in enumerate(parts):
            above = descriptor
            try:
                self._make_folder(above, part)
                descriptor = self._opened(part, _FOLDER, folder=above)
            except NotADirectoryError:
                path = "/".join(parts[: place + 1])
                raise Refused(f"{path} is in the way: it is a link or a file, and no folder") from None
            finally:
                if above != self._top:
                    os.close(above)
        self._open = (parts, descriptor)
        return descriptor

    def _make_folder(self, parent: int, name: str) -> bool:
        """Whether it is new."""
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
        except FileExistsError:
            return False
        if self._owner is not None:
            os.chown(name, self._owner.uid, self._owner.gid, dir_fd=parent, follow_symlinks=False)
        return True

    def _file(self, parent: int, name: str, source: Reader, member: tarfile.TarInfo) -> None:
        hidden = temporary(name)
        descriptor = os.open(hidden, _NEW, 0o600, dir_fd=parent)
        try:
            try:
                while data := source.read(CHUNK):
                    _write(descriptor, data)
                if self._owner is not None:
                    os.fchown(descriptor, self._owner.uid, self._owner.gid)
                os.fchmod(descriptor, member.mode & _MODES)
                os.utime(descriptor, (member.mtime, member.mtime))
            finally:
                os.close(descriptor)
            self._rename(parent, hidden, name)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(hidden, dir_fd=parent)
            raise

    def _link(self, parent: int, parts: tuple[str, ...], target: str) -> None:
        if not self._outward_links and leads_out(target, depth=len(parts) - 1):
            self._note(f"{'/'.join(parts)}: a link to {target}, which leads out of the folder")
            return
        hidden = temporary(parts[-1])
        os.symlink(target, hidden, dir_fd=parent)
        if self._owner is not None:
            os.chown(hidden, self._owner.uid, self._owner.gid, dir_fd=parent, follow_symlinks=False)
        try:
            self._rename(parent, hidden, parts[-1])
        except OSError:
            os.unlink(hidden, dir_fd=parent)
            raise

    def _rename(self, parent: int, hidden: str, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                raise Refused(f"{name} is in the way: it is a folder")
        os.rename(hidden, name, src_dir_fd=parent, dst_dir_fd=parent)


def leads_out(target: str, *, depth: int) -> bool:
    """Whether a link that lies so many folders deep may lead above the top. Only leading `..` are counted:
    with one behind a name, that name may be a link, so the link is taken for one that leads out."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    upward = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
    return target.startswith("/") or upward > depth or ".." in parts[upward:]


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Refused(f"a name in it leads out of the folder: {name!r}")
    if len(parts) > _MOST_FOLDERS:
        raise Refused(f"more than {_MOST_FOLDERS} folders inside each other")
    return parts


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
