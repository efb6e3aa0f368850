"""What a VPS mounts of its node, brought to a place of the agent's own for the moment of a start.

Used around each create and start. The engine is told a path below the data directory; only while a start is
under way does that path show the folder that was opened beneath its allowed prefix (beneath.py). So the
engine mounts exactly what was checked, at every start anew, and the container keeps it when the path is
empty again.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, TypeVar

from kohakuriver.agent.deciding import allowed
from kohakuriver.agent.deciding.desired import Mount
from kohakuriver.agent.machine import beneath
from kohakuriver.agent.machine.beneath import Mounter
from kohakuriver.agent.runtime.base import Bind
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.placement.mounts import Allowed, AllowedMount, prefix_of

PATIENCE: Final = 30.0  # seconds for the mounts of one VPS
T = TypeVar("T")
_LINK = "a symbolic link on the way, or a part that leads out of it"


class MountSilent(EngineRefused):
    """The server of what is mounted does not answer, and may yet."""


class MountRefused(EngineRefused):
    """What is to be mounted is not there, or may not be."""


class Staging:
    """The staged mounts below one folder. Methods that are not coroutines block."""

    def __init__(
        self,
        folder: Path,
        *,
        mounter: Mounter,
        permitted: Allowed,
        node: str,
        threads: Executor | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._threads = threads
        self._patience = patience
        self._pending: dict[str, asyncio.Future[Any]] = {}
        self._folder = folder
        self._mounter = mounter
        self._permitted = permitted
        self._node = node

    async def bring(self, uid: str, mounts: Sequence[Mount]) -> tuple[Bind, ...]:
        """`stage`, in a thread."""
        return await self._asked(uid, lambda: self.stage(uid, mounts))

    async def take_away(self, uid: str) -> None:
        """`unstage`, in a thread."""
        await self._asked(uid, lambda: self.unstage(uid))

    async def leave(self, uid: str) -> None:
        """`forget`, in a thread."""
        await self._asked(uid, lambda: self.forget(uid))

    async def _asked(self, uid: str, work: Callable[[], T]) -> T:
        """Raises MountSilent where the server of what is mounted is gone: that parks one thread for a VPS,
        and keeps no other waiting."""
        pending = self._pending.get(uid)
        if pending is None or pending.done():
            begun = asyncio.get_running_loop().run_in_executor(self._threads, work)
            begun.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._pending[uid] = begun
            await asyncio.wait({begun}, timeout=self._patience)
            if begun.done():
                self._pending.pop(uid, None)
                return begun.result()
        raise MountSilent(f"the mounts of this VPS on {self._node} do not answer: is their server there?")

    def stage(self, uid: str, mounts: Sequence[Mount]) -> tuple[Bind, ...]:
        """Show each at its place until `unstage`. Raises MountRefused."""
        self.unstage(uid)
        return tuple(self._stage(self._folder / uid, mount) for mount in mounts)

    def unstage(self, uid: str) -> None:
        """Empty the places again; the engine still needs them to be there."""
        for place in sorted((self._folder / uid).glob("*")):
            self._mounter.unbind(str(place))

    def forget(self, uid: str) -> None:
        """The VPS is gone."""
        folder = self._folder / uid
        if not folder.exists():
            return
        self.unstage(uid)
        for place in folder.iterdir():
            # Never what is below: a mount that stayed would be somebody's files.
            with contextlib.suppress(OSError):
                place.rmdir() if place.is_dir() else place.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()

    def _stage(self, folder: Path, mount: Mount) -> Bind:
        why = allowed.mount_refusal(mount, self._permitted, node=self._node)
        prefix = prefix_of(mount.source, self._permitted)
        if why or prefix is None:
            raise MountRefused(why)
        try:
            descriptor = beneath.open_beneath(prefix.prefix, os.path.relpath(mount.source, prefix.prefix))
        except OSError as error:
            raise MountRefused(self._words(mount, prefix, error)) from error
        try:
            place = folder / hashlib.sha256(f"{mount.source}\0{mount.target}".encode()).hexdigest()[:16]
            _make(place, os.fstat(descriptor).st_mode, mount, self._node)
            # What is mounted further below would stay writable in a container that may only read.
            self._mounter.bind(descriptor, str(place), whole=not mount.read_only)
        except OSError as error:
            raise MountRefused(
                f"{mount.source} of {self._node} cannot be mounted: {error.strerror}"
            ) from error
        finally:
            os.close(descriptor)
        return Bind(str(place), mount.target, mount.read_only)

    def _words(self, mount: Mount, prefix: AllowedMount, error: OSError) -> str:
        if error.errno == errno.ENOENT:
            return f"{mount.source} does not exist on {self._node}: make it there, or name another source"
        if error.errno == errno.ENOSYS:
            return f"the kernel of {self._node} is too old for mounts: they need Linux 5.6"
        why = _LINK if error.errno in (errno.ELOOP, errno.EXDEV) else error.strerror
        return f"{mount.source} of {self._node} cannot be opened below {prefix.prefix}: {why}"


def _make(place: Path, mode: int, mount: Mount, node: str) -> None:
    """An empty folder or file for the mount to lie on."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if place.exists() and place.is_dir() != stat.S_ISDIR(mode):
        place.rmdir() if place.is_dir() else place.unlink()
    if stat.S_ISDIR(mode):
        place.mkdir(exist_ok=True)
    elif stat.S_ISREG(mode):
        place.touch()
    else:
        raise MountRefused(f"{mount.source} of {node} is neither a folder nor a file: that cannot be mounted")
