"""The files of a container: one helper process a stream, which has its root folder and can be killed.

The agent touches no file of a container itself: a dead network filesystem below it would hang the agent. It
opens the root folder, starts the helper with it, and copies bytes between the helper's socket and the
connection, until the container ends: its next run has folders of its own.
"""

import asyncio
import contextlib
import functools
import logging
import os
import socket
import sys
from collections.abc import Callable

from kohakuriver import errors
from kohakuriver.agent.machine import inside
from kohakuriver.agent.shares import Shares
from kohakuriver.agent.streams.door import Opened, Opening, Waiting
from kohakuriver.agent.streams.files.helper import CLEAN_UP_WITHIN, READY
from kohakuriver.streams.splice import splice

log = logging.getLogger(__name__)

_READY_WITHIN = 8.0  # seconds; the server waits ten for our answer
_GONE_WITHIN = 2.0  # seconds after its last chance to clean up
_AT_ONCE = 100  # helpers


class Files:
    """The door."""

    def __init__(self) -> None:
        self._shares = Shares(_AT_ONCE)

    async def open(self, opening: Opening) -> Opened:
        inside.check_permitted()
        if not self._shares.take(opening.namespace):
            held = self._shares.held(opening.namespace)
            raise errors.TooManyRequests(
                f"namespace {opening.namespace} reads and writes files {held} times at once on this node, "
                f"which has room for {_AT_ONCE} of all namespaces",
                hint="wait until one of them is done",
                retry_after=5,
            )
        over = functools.partial(self._shares.give_back, opening.namespace)
        lifeline = -1
        try:
            lifeline = inside.lifeline(opening.container)
            with (
                inside.opened(opening.container, "root", os.O_PATH | os.O_DIRECTORY) as root,
                inside.opened(opening.container, "uid_map") as uids,
                inside.opened(opening.container, "gid_map") as gids,
            ):
                process, ours = await _started(root, _text(uids), _text(gids))
        except BaseException:
            if lifeline >= 0:
                os.close(lifeline)
            over()
            raise
        helper = _Helper(process, ours, lifeline, over=over)
        try:
            await helper.ready(opening)
        except BaseException:
            await helper.aclose()
            raise
        return helper


async def _started(root: int, uids: str, gids: str) -> tuple[asyncio.subprocess.Process, socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        words = (str(theirs.fileno()), str(root), uids, gids)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "kohakuriver.agent.streams.files.helper", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), root),
            )
        except BaseException:
            ours.close()
            raise
    ours.setblocking(False)
    return process, ours


class _Helper:
    """A helper that stands ready."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ours: socket.socket,
        lifeline: int,
        *,
        over: Callable[[], None],
    ) -> None:
        self._process = process
        self._socket = ours
        self._lifeline = lifeline  # readable once the container has ended; ours to close
        self._over = over  # called once, when it is gone or left
        self._is_over = False

    async def ready(self, opening: Opening) -> None:
        said = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_WITHIN):
                assert self._process.stdout is not None  # noqa: S101 - it was asked for
                said = await self._process.stdout.readline()
        if said != READY:
            raise errors.Unavailable(
                f"the files of {opening.vps} cannot be reached: the helper on its node did not start",
                hint="the log of the node's agent says more",
            )

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            local, waiting = await loop.create_connection(Waiting, sock=self._socket)
            loop.add_reader(self._lifeline, self._container_ended, local)
            await splice(transport, local, from_first=first, from_second=waiting.early)
        finally:
            loop.remove_reader(self._lifeline)
            await self._end(CLEAN_UP_WITHIN)

    def _container_ended(self, local: asyncio.Transport) -> None:
        """What is done in its folders from now on would be in nobody's VPS."""
        asyncio.get_running_loop().remove_reader(self._lifeline)
        local.abort()

    async def aclose(self) -> None:
        self._socket.close()
        await self._end(0.0)

    async def _end(self, patience: float) -> None:
        """Its socket is closed, so it ends; if it hangs it is killed, and if the kernel holds it, left."""
        if self._is_over:
            return
        self._is_over = True
        try:
            if not await self._gone(patience):
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                if not await self._gone(_GONE_WITHIN):
                    log.warning("a files helper hangs in the kernel", extra={"pid": self._process.pid})
        finally:
            os.close(self._lifeline)
            self._over()

    async def _gone(self, within: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._process.wait()
        return self._process.returncode is not None


def _text(descriptor: int) -> str:
    return os.read(descriptor, 1 << 16).decode()
