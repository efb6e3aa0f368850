"""The agent's own folder. What is written below it goes through here, so that a disk that is full, read-only
or silent is known, said on the Node, and no end of the agent (CORRECTNESS 31).

`note` is for what must be on disk before a deed; `put` for what may come to it a little later: the newest
content wins, and what was refused is tried again until it is taken. The event loop waits for no disk.
"""

import asyncio
import contextlib
import dataclasses
import errno
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, Protocol

from kohakuriver import private_file
from kohakuriver.agent.runtime.errors import EngineRefused

log = logging.getLogger(__name__)

AGAIN: Final = 5.0  # seconds between tries of what was refused
PATIENCE: Final = 10.0  # seconds after which a disk that says nothing counts as one that refuses
PROBE: Final = "." * 8192  # more than fits beside a name, where nothing else does
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Files(Protocol):
    """Where files are written."""

    def write(self, path: Path, content: str | bytes) -> None:
        """Replace it in one step, on disk when this returns. Blocks; raises OSError."""
        ...

    def remove(self, path: Path) -> None:
        """Fine where there is none."""
        ...


class Disk(Files, Protocol):
    """What files are on."""

    def prepare(self) -> None:
        """Now and then, so that later writes succeed. Blocks; raises OSError."""
        ...


class PrivateFiles:
    """On this machine's disk, for their owner alone. Blocks, and raises OSError."""

    def prepare(self) -> None:
        """There is nothing to do."""

    def write(self, path: Path, content: str | bytes) -> None:
        private_file.write(path, content)

    def remove(self, path: Path) -> None:
        if path.exists():  # a read-only file system refuses to remove even what is not there
            path.unlink(missing_ok=True)


class DataDirNotWritable(EngineRefused):
    """A file of the agent's own could not be written, or not read."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Note:
    content: str | None  # None: the file is to go
    written: Callable[[], None] = lambda: None


class DataDir:
    """One data directory, as `Files` too."""

    def __init__(
        self,
        folder: Path,
        *,
        files: Disk | None = None,
        threads: Executor | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.folder = folder
        self._patience = patience
        self.changed: Callable[[], None] = lambda: None
        """Called when it begins or ends to refuse."""
        self._files = files or PrivateFiles()
        self._threads = threads
        self._newest: dict[Path, _Note] = {}  # what is not on disk yet
        self._guard = threading.Lock()
        self._writing = threading.Lock()  # one file at a time, so that the older is never the last to come
        self._pending: dict[Path, asyncio.Future[None]] = {}
        self._failing: dict[Path, OSError] = {}
        self._looking: asyncio.Future[None] | None = None
        self._said = ""
        self._wake = asyncio.Event()

    @property
    def trouble(self) -> str:
        """Why it cannot be written, in words; empty where it can."""
        error = next(iter(list(self._failing.values())), None)
        return self.words(error) if error is not None else ""

    @property
    def reason(self) -> str:
        """The same in one word."""
        error = next(iter(list(self._failing.values())), None)
        if error is None:
            return "Writable"
        if error.errno in _FULL:
            return "DiskFull"
        return "ReadOnly" if error.errno == errno.EROFS else "WriteFailed"

    def words(self, error: OSError) -> str:
        """For a person."""
        return f"{self.folder} cannot be written: {error.strerror or str(error)}"

    async def note(self, path: Path, content: str) -> None:
        """On disk when this returns. Raises OSError; it is then tried again all the same."""
        self._set(path, _Note(content))
        await self.settle(path)

    def put(self, path: Path, content: str | None, written: Callable[[], None] = lambda: None) -> None:
        """To be on disk soon, or to be gone from there for None; `written` is called in a thread."""
        self._set(path, _Note(content, written))
        self._wake.set()

    def is_waiting(self, path: Path) -> bool:
        """Whether the newest of it is not on disk yet."""
        return path in self._newest

    async def settle(self, path: Path) -> None:
        """Wait until the newest of it is on disk. Raises OSError; at once where the disk is known to hang."""
        try:
            while path in self._newest:
                pending = self._pending.get(path)
                if pending is None or pending.done():
                    pending = self._begin(path)
                elif (error := self._failing.get(path)) is not None:
                    raise error.with_traceback(None)
                await asyncio.wait({pending}, timeout=self._patience)
                if not pending.done():
                    self._failing[path] = self._silence()
                    raise self._silence()
                pending.result()
            self._pending.pop(path, None)
        finally:
            self._say()

    async def run(self) -> None:
        """Bring to the disk what was put, and again what was refused."""
        while True:
            self._wake.clear()
            for path in list(self._newest):
                with contextlib.suppress(OSError):
                    await self.settle(path)
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._wake.wait()

    async def flush(self, *, within: float) -> None:
        """The agent ends: wait a moment for what is not on disk yet."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                if self._pending:
                    await asyncio.wait(self._pending.values())
                for path in list(self._newest):
                    with contextlib.suppress(OSError):
                        await self.settle(path)

    def write(self, path: Path, content: str | bytes) -> None:
        """At once, and blocking."""
        with self._judged(path):
            self._files.write(path, content)

    def remove(self, path: Path) -> None:
        """Soon."""
        self.put(path, None)

    def _begin(self, path: Path) -> "asyncio.Future[None]":
        pending = asyncio.get_running_loop().run_in_executor(self._threads, self._flush, path)
        pending.add_done_callback(_take_exception)
        self._pending[path] = pending
        return pending

    def _silence(self) -> OSError:
        return TimeoutError(f"the disk did not answer within {self._patience:g} s")

    def _set(self, path: Path, note: _Note) -> None:
        with self._guard:
            self._newest[path] = note

    def _flush(self, path: Path) -> None:
        """In a thread."""
        with self._writing:
            while (note := self._newest.get(path)) is not None:
                with self._judged(path):
                    if note.content is None:
                        self._files.remove(path)
                    else:
                        self._files.write(path, note.content)
                note.written()
                with self._guard:
                    if self._newest.get(path) is note:
                        del self._newest[path]

    @contextlib.contextmanager
    def _judged(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failing[path] = error
            raise
        self._failing.pop(path, None)

    async def look(self) -> None:
        """Whether it can be written now."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._threads, self._inspect)
            self._looking.add_done_callback(_take_exception)
        await asyncio.wait({self._looking}, timeout=self._patience)
        if not self._looking.done():
            self._failing[self.folder] = self._silence()
        self._say()

    def _inspect(self) -> None:
        """In a thread: what was refused and is wanted no more would be said for ever."""
        with self._judged(self.folder):
            self._files.prepare()
        stale = [one for one in list(self._failing) if one not in self._newest]
        for path in stale:
            probe = path.with_name(".probe")
            self._files.write(probe, PROBE)
            self._files.remove(probe)
            self._failing.pop(path, None)

    def _say(self) -> None:
        trouble = self.trouble
        if bool(trouble) == bool(self._said):
            return
        self._said = trouble
        if trouble:
            log.warning("the data directory cannot be written", extra={"error": trouble})
        else:
            log.info("the data directory can be written again")
        self.changed()


def _take_exception(done: "asyncio.Future[None]") -> None:
    """It is said by then, or told to whoever waits."""
    if not done.cancelled():
        done.exception()
