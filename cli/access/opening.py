"""Opens streams of one VPS, and waits a while for what is being restarted: the VPS, its agent, an API server.

Every API server of the config file is tried. What the answer says is final (nothing listens, stopped, no
right) is raised at once. Knows no kind of stream.
"""

import asyncio
import dataclasses
from collections.abc import Iterable

from kohakuriver import errors
from kohakuriver.client.config import Connection
from kohakuriver.client.failover import Servers
from kohakuriver.clock import Clock, SystemClock
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer

PATIENCE = 20.0  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0  # seconds between the tries


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
        self._connection = connection
        self._servers = Servers((connection.server, *connection.others))
        self._dialers: dict[str, Dialer] = {}
        self._server = self._servers.first
        self._patience = patience
        self._clock = clock or SystemClock()

    async def transport(
        self, kind: str, params: Iterable[tuple[str, str]] = ()
    ) -> tuple[asyncio.Transport, bytes]:
        """The connection after its upgrade, with reading paused, and what came behind the answer. Raises
        ApiError and Unreachable, once there is no more hope in waiting."""
        path = kinds.VPS.path(namespace=self._connection.namespace, name=self.name, subresource=kind)
        given, pause = list(params), _FIRST_PAUSE
        end = self._clock.monotonic() + self._patience
        while True:
            try:
                return await self._dialer().transport(path, given)
            except errors.KohakuRiverError as error:
                self._server = self._servers.after(self._server)
                if not is_passing(error) or self._clock.monotonic() + pause > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _dialer(self) -> Dialer:
        found = self._dialers.get(self._server)
        if found is None:
            at = dataclasses.replace(self._connection, server=self._server)
            found = self._dialers[self._server] = Dialer(at, program="kohakuriver")
        return found


def is_passing(error: errors.KohakuRiverError) -> bool:
    """Whether it may be otherwise in a moment: no server was reached, or its answer says to ask again."""
    if isinstance(error, errors.ApiError):
        return error.retry_after is not None
    return isinstance(error, errors.Unreachable)
