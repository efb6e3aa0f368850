"""Streams of one VPS, through the API servers of the config file, and with patience while something restarts.

`ApiServers` asks each once. `Opener` waits a while for what is being restarted: the VPS, its agent, an API
server. What an answer says is final (nothing listens, stopped, no right) is raised at once. Knows no kind
of stream.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from kohakuriver import errors
from kohakuriver.client.config import Connection
from kohakuriver.clock import Clock, SystemClock
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from kohakuriver.streams.patience import PATIENCE, is_passing, patiently
from kohakuriver.streams.stream import GONE_AFTER, PING_AFTER, Stream

PROGRAM = "kohakuriver"
__all__ = ["PATIENCE", "ApiServers", "Opener", "is_passing"]

Opened = TypeVar("Opened")


class ApiServers:
    """Those of a cluster; who answered last is asked first."""

    def __init__(self, connection: Connection) -> None:
        self._dialers = [
            Dialer(connection._replace(server=url), program=PROGRAM)
            for url in (connection.server, *connection.others)
        ]

    async def first(self, open_at: Callable[[Dialer], Awaitable[Opened]]) -> Opened:
        """What the first of them gives that can. Raises ApiError, and Unreachable where none answers."""
        failure: errors.KohakuRiverError | None = None
        for dialer in tuple(self._dialers):
            try:
                opened = await open_at(dialer)
            except errors.KohakuRiverError as error:
                if not is_passing(error):
                    raise
                if failure is None or isinstance(error, errors.ApiError):
                    failure = error  # what one says tells more than that another is away
                continue
            self._dialers.remove(dialer)
            self._dialers.insert(0, dialer)
            return opened
        raise failure or errors.Unreachable("no API server is known")


class Opener:
    """Of one VPS, by name."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        *,
        patience: float = PATIENCE,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._namespace = connection.namespace
        self._servers = ApiServers(connection)
        self._patience = patience
        self._clock = clock or SystemClock()

    async def stream(self, kind: str, params: Iterable[tuple[str, str]] = ()) -> Stream:
        """A stream of messages, asked for once. Raises ApiError and Unreachable."""
        path = kinds.VPS.path(namespace=self._namespace, name=self.name, subresource=kind)
        given = list(params)
        return await self._servers.first(
            lambda dialer: dialer.stream(path, given, ping_after=PING_AFTER, gone_after=GONE_AFTER)
        )

    async def transport(
        self, kind: str, params: Iterable[tuple[str, str]] = ()
    ) -> tuple[asyncio.Transport, bytes]:
        """The connection after its upgrade, with reading paused, and what came behind the answer. Raises
        ApiError and Unreachable, once there is no more hope in waiting."""
        path = kinds.VPS.path(namespace=self._namespace, name=self.name, subresource=kind)
        given = list(params)
        return await patiently(
            lambda: self._servers.first(lambda dialer: dialer.transport(path, given)),
            within=self._patience,
            clock=self._clock,
        )
