"""Connections as they are taken, before there is a handshake: each counts from its first moment.

asyncio's own server tells of a connection once its handshake is over, so that those who never begin one would
count nowhere. Taken, they are asyncio's as before.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

from kohakuriver.apiserver.audit.refusals import refused
from kohakuriver.apiserver.identity.addresses import place_of
from kohakuriver.apiserver.serving.crowd import Crowd, Visitor

HANDSHAKE_WITHIN: Final = 10.0
GOODBYE_WITHIN: Final = 10.0  # seconds for a client to take the last of an answer, and to close its side
AT_A_TIME: Final = 100  # connections that are taken in one turn of the loop
REST: Final = 1.0  # seconds until it is tried again where there was no room for one more
TOO_MANY: Final = 429
NO_ROOM: Final = 503

Protocols = Callable[[Visitor], asyncio.Protocol]


class Door:
    """What listens on some sockets."""

    def __init__(
        self, sockets: Sequence[socket.socket], crowd: Crowd, protocols: Protocols, tls: ssl.SSLContext | None
    ) -> None:
        self.sockets = sockets
        self._crowd = crowd
        self._protocols = protocols
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._resting: dict[socket.socket, asyncio.TimerHandle] = {}
        for one in sockets:
            self._watch(one)

    def close(self) -> None:
        """Take no more; what has no answer under way yet ends too."""
        for one in self.sockets:
            self._loop.remove_reader(one)
            one.close()
        for timer in self._resting.values():
            timer.cancel()
        for task in self._beginning:
            task.cancel()

    def _watch(self, listening: socket.socket) -> None:
        self._resting.pop(listening, None)
        self._loop.add_reader(listening, self._take, listening)

    def _take(self, listening: socket.socket) -> None:
        for _ in range(AT_A_TIME):
            try:
                connection, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(listening, error)
                return
            self._begin(connection, str(address[0]))

    def _rest(self, listening: socket.socket, error: OSError) -> None:
        """No file or memory is left for one more: it would be asked again at once."""
        refused("no connection can be taken; it is tried again", code=NO_ROOM, error=str(error), wait=REST)
        self._loop.remove_reader(listening)
        self._resting[listening] = self._loop.call_later(REST, self._watch, listening)

    def _begin(self, connection: socket.socket, host: str) -> None:
        connection.setblocking(False)
        visitor = Visitor(place_of(host))
        task = self._loop.create_task(self._handshake(connection, visitor))
        visitor.turn_away = task.cancel
        self._beginning.add(task)
        task.add_done_callback(functools.partial(self._begun, connection, visitor))
        goes = self._crowd.enter(visitor)
        if goes is not None:
            self._tell(goes.place)
            goes.turn_away()

    async def _handshake(self, connection: socket.socket, visitor: Visitor) -> None:
        is_tls = self._tls is not None
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._protocols(visitor),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_WITHIN if is_tls else None,
                ssl_shutdown_timeout=GOODBYE_WITHIN if is_tls else None,
            )
        except OSError:
            self._crowd.left(visitor)

    def _begun(self, connection: socket.socket, visitor: Visitor, task: asyncio.Task[None]) -> None:
        self._beginning.discard(task)
        if task.cancelled():  # maybe before its first step
            self._crowd.left(visitor)
            connection.close()

    def _tell(self, place: str) -> None:
        sentence = "too many connections without a credential; the oldest is closed"
        refused(sentence, **{"from": place}, code=TOO_MANY, most=self._crowd.most_of(place))


async def listen(host: str, port: int, *, backlog: int) -> list[socket.socket]:
    """Sockets for all addresses that the host has. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            one = socket.create_server(address[:2], family=family, backlog=backlog)
            sockets.append(one)
            one.setblocking(False)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets
