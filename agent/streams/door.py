"""What a kind of stream is, seen from the control connection: something that opens, then serves a connection.

Two steps, so that whatever can be refused is refused in words before anything is upgraded, and the
connection to the server is only made for what stands ready.
"""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Protocol

from kohakuriver import errors
from kohakuriver.agent.runtime.base import Container
from kohakuriver.streams.splice import splice


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """What somebody wants opened, already checked: the VPS is bound here, and its container is up."""

    id: str
    kind: str
    namespace: str
    name: str
    uid: str
    epoch: int
    user: str
    params: Mapping[str, tuple[str, ...]]
    container: Container

    @property
    def vps(self) -> str:
        """The VPS in messages."""
        return self.name

    def text(self, key: str, default: str = "") -> str:
        """A parameter that is given once at most."""
        values = self.params.get(key) or (default,)
        return values[-1]

    def number(self, key: str, default: int, *, least: int = 0, most: int = 1 << 62) -> int:
        """A whole number within bounds. Raises BadRequest."""
        given = self.text(key)
        if not given:
            return default
        if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
            raise errors.BadRequest(f"{key}={given!r} is not a whole number from {least} to {most}")
        return int(given)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A parameter that is 1 or true, or not."""
        given = self.text(key).lower()
        return given in ("1", "true", "t", "yes") if given else default


class Opened(Protocol):
    """What stands ready for a connection."""

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        """Until it is over; the transport is closed then. `first` came already, and reading is paused."""
        ...

    async def aclose(self) -> None:
        """Nobody came: let go of it."""
        ...


class Door(Protocol):
    """One kind of stream."""

    async def open(self, opening: Opening) -> Opened:
        """Get it ready. Raises ApiError, which the client is shown."""
        ...


class Spliced:
    """A process of this node's speaks the stream: its socket is joined to the connection.

    `came` is what it said already; reading from it is paused.
    """

    def __init__(self, local: asyncio.Transport, came: bytes = b"") -> None:
        self._local = local
        self._came = came

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        await splice(transport, self._local, from_first=first, from_second=self._came)

    async def aclose(self) -> None:
        self._local.abort()


class Waiting(asyncio.Protocol):
    """Reads nothing until the connection is joined to another; keeps what uvloop, which begins to read after
    `connection_made` whatever that said, has read all the same."""

    early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.early += data
        self._transport.pause_reading()
