"""The network between a program and the API server: a relay that can be cut, hung up, or lose a reply.

Cut means silence in both directions, as when a cable is pulled: connections stay, new ones are taken and say
nothing, and when the link is whole again what was sent arrives late.
"""

import asyncio
import re
from collections.abc import Callable

REPORT = re.compile(rb"PATCH \S+/vpses/\S+/status")
TAIL = 1.0  # seconds between what was held and the end of its connection


class _End(asyncio.Protocol):
    """One end of one connection; its `other` end is where the bytes go."""

    def __init__(self, link: "Link", ready: Callable[["_End"], None] = lambda end: None) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.is_client = False
        self._link = link
        self._ready = ready
        self._waiting: list[bytes] = []  # for the other end
        self._is_held = False
        self._is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._link.ends.add(self)
        self._ready(self)

    def data_received(self, data: bytes) -> None:
        if not self.is_client and self._link.replies_to_lose > 0:
            self._link.replies_to_lose -= 1
            self.hang_up()
            return
        self._waiting.append(data)
        late = self._link.late
        if self.is_client and late is not None and REPORT.match(data) and late[0] in data:
            self._link.late = None
            self._is_held = True
            asyncio.get_running_loop().call_later(late[1], self._let_go)
        self.flush()

    def _let_go(self) -> None:
        self._is_held = False
        self.flush()
        if self._is_closed:  # whoever wrote it has given up long since, and the server gets it nonetheless
            asyncio.get_running_loop().call_later(TAIL, self.hang_up)

    def flush(self) -> None:
        """Pass on what has come in, where there is a way."""
        if self._is_held or self._link.is_cut or self.other is None or self.other.transport is None:
            return
        for data in self._waiting:
            self.other.transport.write(data)
        self._waiting.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.ends.discard(self)
        self._is_closed = True
        if not self._is_held:
            self.hang_up()

    def hang_up(self) -> None:
        """Both ends at once."""
        for end in (self, self.other):
            if end is not None and end.transport is not None:
                end.transport.abort()


class Link:
    """Listens on a port of its own; `async with` opens it."""

    def __init__(self, port: int) -> None:
        self.ends: set[_End] = set()
        self.is_cut = False
        self.replies_to_lose = 0
        self.late: tuple[bytes, float] | None = (
            None  # what the next report that is late says, and for how long
        )
        self.url = ""
        self.port = port  # of the API server
        self._server: asyncio.Server | None = None
        self._dialling: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Link":
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _End(self, self._dial), "127.0.0.1", 0
        )
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        await asyncio.gather(*self._dialling, return_exceptions=True)

    @property
    def is_whole(self) -> bool:
        return not self.is_cut and not self.replies_to_lose

    def cut(self) -> None:
        self.is_cut = True

    def heal(self) -> None:
        self.is_cut = False
        for end in list(self.ends):
            end.flush()

    def hang_up(self) -> None:
        """Every connection ends at once; new ones are taken."""
        for end in list(self.ends):
            end.hang_up()

    def _dial(self, client: _End) -> None:
        client.is_client = True
        task = asyncio.get_running_loop().create_task(self._connect(client), name="relay")
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _connect(self, client: _End) -> None:
        try:
            _, upstream = await asyncio.get_running_loop().create_connection(
                lambda: _End(self), "127.0.0.1", self.port
            )
        except OSError:
            client.hang_up()
            return
        upstream.other, client.other = client, upstream
        if client not in self.ends:
            upstream.hang_up()
        client.flush()
        upstream.flush()
