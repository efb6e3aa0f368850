"""Folders as archives, by GNU tar: all that a file system knows of its files but sockets, and back again.

Hard links, sparse files, extended attributes (capabilities too), ACLs, device nodes, FIFOs, owners by number
and times to the nanosecond are kept. Blocking: called in a thread, and ended from another by a `Handle`.
tar writes into a pipe of ours and reads from one, so that it ends with this process, whatever ends that.
"""

import contextlib
import dataclasses
import errno
import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from kohakuriver import private_file
from kohakuriver.agent.snapshots.files import PART
from kohakuriver.errors import KohakuRiverError

MOST_NAMED: Final = 20  # paths that were left out, or complaints, that are kept in words
_CHUNK: Final = 1 << 20
_LINE: Final = 8192  # bytes of one complaint; a path is not longer, escaped it may be
_KEEPING: Final = ("--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner")
_PACK: Final = (
    "--create",
    "--format=posix",
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
    "--sparse",
    "--one-file-system",
    *_KEEPING,
)
_UNPACK: Final = ("--extract", "--same-permissions", "--same-owner", "--delay-directory-restore", *_KEEPING)
_SOCKET: Final = ": socket ignored"
# Said of what changes while it is read, which it may where nothing is paused.
_CHANGES: Final = ("file changed as we read it", "removed before we read it", "padding with zeros")
_FULL: Final = re.compile("No space left on device|Disk quota exceeded|Wrote only [0-9]+ of [0-9]+ bytes")
_CHANGED: Final = 1  # the exit code of tar where files changed under it


class ArchiveError(KohakuRiverError):
    """A folder was not packed, or an archive not unpacked: nothing of it is left."""


class Ended(ArchiveError):
    """Somebody ended it by its handle."""


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """An archive."""

    size: int  # bytes
    digest: str  # sha256:…
    left_out: tuple[str, ...] = ()  # sockets, the first MOST_NAMED
    left_out_in_all: int = 0


class Handle:
    """By which another thread ends what is being packed or unpacked."""

    def __init__(self) -> None:
        self.is_ended = False
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def end(self) -> None:
        with self._lock:
            self.is_ended = True
            if self._process is not None:
                self._process.kill()

    def _hold(self, process: "subprocess.Popen[bytes] | None") -> None:
        with self._lock:
            self._process = process
            if process is not None and self.is_ended:
                process.kill()


def _nothing(size: int) -> None:
    """For who does not want to hear it."""


def pack(
    folder: Path, file: Path, *, progress: Callable[[int], None] = _nothing, handle: Handle | None = None
) -> Packed:
    """Everything in the folder, and what the folder itself is, into the file, which is on disk when this
    returns. `progress` hears how many bytes there are by now. Raises ArchiveError, and what `progress`
    raises."""
    packed = write(folder, file, progress=progress, handle=handle)
    settle(file)
    return packed


def write(
    folder: Path, file: Path, *, progress: Callable[[int], None] = _nothing, handle: Handle | None = None
) -> Packed:
    """As `pack`, but for the end of it: `settle` gives the file its name, once there is time for that."""
    part, digest, size = _part(file), hashlib.sha256(), 0
    command = (*_PACK, f"--directory={folder}", "--file=-", ".")
    try:
        private_file.make_folder(file.parent)
        with (
            _opened(part) as writing,
            _tar(command, handle, what=(f"the files in {folder}", "were not packed")) as tar,
        ):
            while chunk := tar.output.read(_CHUNK):
                writing.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                progress(size)
            tar.wait(may_change=True)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ArchiveError(f"the files in {folder} were not packed: {_words(error, part)}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Packed(size, f"sha256:{digest.hexdigest()}", tuple(tar.sockets), tar.sockets_in_all)


def settle(file: Path) -> None:
    """Bring to the disk what `write` has written, and give it its name. Raises ArchiveError."""
    part = _part(file)
    try:
        for path in (part, file.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if path == part:
                part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ArchiveError(f"the archive {file} was not written: {_words(error, part)}") from error


def unpack(
    file: Path,
    folder: Path,
    *,
    digest: str,
    progress: Callable[[int], None] = _nothing,
    handle: Handle | None = None,
) -> tuple[str, ...]:
    """Make the folder, which must not be there, of what was packed; what could not be kept of it, in words.
    On disk when this returns. Raises ArchiveError, with no folder left, also where the file's digest is
    another."""
    found, size = hashlib.sha256(), 0
    command = (*_UNPACK, f"--directory={folder}", "--file=-")
    try:
        with file.open("rb") as reading:
            private_file.make_folder(folder.parent)
            folder.mkdir(mode=0o700)
            try:
                with _tar(
                    command, handle, what=(f"the archive {file}", "was not unpacked"), reads=True
                ) as tar:
                    with contextlib.suppress(BrokenPipeError):  # it says why on its other stream
                        while chunk := reading.read(_CHUNK):
                            found.update(chunk)
                            tar.input.write(chunk)
                            size += len(chunk)
                            progress(size)
                        tar.input.close()
                    tar.wait()
                if f"sha256:{found.hexdigest()}" != digest:
                    raise ArchiveError(f"the archive {file} is not what was written: its digest is another")
                subprocess.run(["sync", "--file-system", str(folder)], check=True, capture_output=True)
            except BaseException:
                remove_tree(folder)
                raise
    except OSError as error:
        raise ArchiveError(f"the archive {file} was not unpacked: {_words(error, folder)}") from error
    except subprocess.CalledProcessError as error:
        raise ArchiveError(f"the archive {file} was not unpacked: the disk did not take it") from error
    return tuple(tar.complaints)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, however deep; fine where there is none. Raises ArchiveError."""
    if not folder.is_symlink() and not folder.exists():
        return
    command = ["rm", "--recursive", "--force", "--one-file-system", "--", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ArchiveError(f"{folder} was not removed: {_last(done.stderr)}")


def check(program: str | None = None) -> None:
    """Raises ArchiveError where this machine's tar does not keep what has to be kept."""
    hint = "install GNU tar with support of ACLs and extended attributes: apt-get install tar"
    try:
        done = subprocess.run(
            [program or _program(), *_PACK, "--file=/dev/null", "--files-from=/dev/null"],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    except OSError as error:
        raise ArchiveError(f"tar cannot be run on this machine: {error.strerror}", hint=hint) from error
    if done.returncode or b"support is not available" in done.stderr:
        raise ArchiveError(
            f"the tar of this machine does not keep all that files have: {_last(done.stderr)}", hint=hint
        )


class _Tar:
    """One tar at work."""

    def __init__(self, process: "subprocess.Popen[bytes]", handle: Handle, what: tuple[str, str]) -> None:
        self.sockets: list[str] = []
        self.sockets_in_all = 0
        self.complaints: list[str] = []  # the first ones
        self._is_full = False
        self._process = process
        self._handle = handle
        self._what, self._verb = what
        self._listening = threading.Thread(target=self._listen, name="tar", daemon=True)
        self._listening.start()

    @property
    def output(self) -> IO[bytes]:
        return cast(IO[bytes], self._process.stdout)

    @property
    def input(self) -> IO[bytes]:
        return cast(IO[bytes], self._process.stdin)

    def end(self) -> None:
        """Kill it, if it is not over, and hear all that it said."""
        self._process.kill()
        self._listening.join()

    def wait(self, *, may_change: bool = False) -> None:
        """Until it has ended. Raises ArchiveError where it has not done it."""
        code = self._process.wait()
        self._listening.join()
        if self._handle.is_ended:
            raise Ended(f"{self._what} {self._verb}: that was ended")
        if code == 0 or (may_change and code == _CHANGED):
            return
        why = self._why or (f"tar was ended by signal {-code}" if code < 0 else f"tar ended with code {code}")
        raise ArchiveError(f"{self._what} {self._verb}: {why}")

    def _listen(self) -> None:
        stream = cast(IO[bytes], self._process.stderr)
        while line := stream.readline(_LINE):
            said = line.decode(errors="replace").rstrip("\n").removeprefix("tar: ")
            if said.endswith(_SOCKET):
                self.sockets_in_all += 1
                if len(self.sockets) < MOST_NAMED:
                    self.sockets.append(said.removesuffix(_SOCKET).removeprefix("./"))
            elif said.endswith(_CHANGES):
                continue
            elif len(self.complaints) < MOST_NAMED:
                self.complaints.append(said)
            if _FULL.search(said):
                self._is_full = True

    @property
    def _why(self) -> str:
        if self._is_full:
            return "there is no room left on the disk (No space left on device)"
        return self.complaints[0] if self.complaints else ""


@contextlib.contextmanager
def _tar(
    command: tuple[str, ...], handle: Handle | None, *, what: tuple[str, str], reads: bool = False
) -> Iterator[_Tar]:
    """A tar that is over when the block is left."""
    handle = handle or Handle()
    streams: dict[str, Any] = {"stdin": subprocess.PIPE} if reads else {"stdout": subprocess.PIPE}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams}
    with subprocess.Popen(
        ["tar", "--quoting-style=escape", *command],
        executable=_program(),
        **streams,
        stderr=subprocess.PIPE,
        env=_environment(),
        bufsize=0,
    ) as process:
        handle._hold(process)
        tar = _Tar(process, handle, what)
        try:
            yield tar
        finally:
            handle._hold(None)
            tar.end()


@contextlib.contextmanager
def _opened(part: Path) -> Iterator[IO[bytes]]:
    """A new file for its owner alone, in place of what an earlier try has left."""
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        yield _Whole(file)  # type: ignore[misc]


class _Whole:
    """Writes all of what it is given, where one call of the kernel may write a part."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


def _part(file: Path) -> Path:
    return file.with_name(file.name + PART)


def _program() -> str:
    return shutil.which("tar") or "/bin/tar"


def _environment() -> dict[str, str]:
    """Messages in English, names in UTF-8, and none of the options that somebody has set for tar."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def _words(error: OSError, place: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"there is no room left on the disk of {place.parent}"
    return error.strerror or str(error)


def _last(complaint: bytes) -> str:
    return complaint.decode(errors="replace").strip().rpartition("\n")[2][:300]
