"""One local TCP port that leads to a port of a VPS: each connection accepted gets a stream of its own.

    accepted ──► Opener (waits while something restarts) ──► Joint (bytes both ways, half-close, resets)

The listener stays, whatever becomes of its connections.
"""

import asyncio
import itertools

from kohakuriver import errors
from kohakuriver.cli.access.telling import Telling
from kohakuriver.cli.session.opening import Opener
from kohakuriver.streams.joint import Joint, reset

_BACKLOG = 1024


class Tunnel:
    """The listener, and its connections."""

    def __init__(self, opener: Opener, remote: int, telling: Telling) -> None:
        self._opener = opener
        self._params = [("port", str(remote))]
        self._telling = telling
        self._count = itertools.count(1)
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Begin; the local port. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Accepted(self), host, port, backlog=_BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Stop listening, and end what is open."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def accepted(self, joint: Joint, local: asyncio.Transport) -> None:
        serving = self._serve(joint, local, next(self._count))
        task = asyncio.create_task(serving, name="forwarded connection")
        self._open.add(task)
        task.add_done_callback(self._ended)

    async def _serve(self, joint: Joint, local: asyncio.Transport, number: int) -> None:
        self._telling.detail(f"connection {number} from {_peer(local)}")
        try:
            stream, first = await self._opener.transport("forward", self._params)
        except errors.KohakuRiverError as error:
            reset(local)
            self._telling.failed(error)
            return
        except BaseException:
            reset(local)
            raise
        self._telling.worked()
        joint.join(local, stream, first)
        try:
            await joint.over
        except BaseException:
            reset(local)
            raise
        finally:
            joint.framed.close()
        self._telling.detail(f"connection {number} {joint.error.message if joint.error else 'ended'}")

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            unexpected = errors.KohakuRiverError(f"a connection failed in a way nobody expected: {error!r}")
            self._telling.failed(unexpected)


class _Accepted(Joint):
    """A connection that has just come in; it waits for its stream."""

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__(masks=True)
        self._tunnel = tunnel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.local is not None:
            self._tunnel.accepted(self, self.local)


def _peer(local: asyncio.Transport) -> str:
    name = local.get_extra_info("peername") or ("?", 0)
    return f"{name[0]}:{name[1]}"
