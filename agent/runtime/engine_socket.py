"""The engine's HTTP over its unix socket, by the standard library alone, at a version that every engine has.

For what the SDK cannot do without a thread for each stream: commands in containers and their logs. The
session holder stands on it too, so nothing large is imported here. Knows no path and no meaning; nothing is
retried.
"""

import asyncio
import contextlib
import json
from typing import Any, Final, TypeVar

from agent.runtime.errors import (
    EngineError,
    EngineRefused,
    NotFound,
    RuntimeTimeout,
    RuntimeUnavailable,
    WrongState,
)

VERSION: Final = "v1.41"
TIMEOUT: Final = 30.0  # seconds for one answer
_HEAD_LIMIT = 1 << 16  # bytes
_BODY_LIMIT = 1 << 22
_REFUSALS: Final[dict[int, type[EngineError]]] = {404: NotFound, 409: WrongState}

_SHARED: Final = memoryview(bytearray(1 << 16))


class SharedReader(asyncio.BufferedProtocol):
    """Reads into one buffer for all of them: a quarter of a megabyte for each read, as asyncio has it, leaves
    a heap full of holes where much is read."""

    def get_buffer(self, sizehint: int) -> memoryview:
        return _SHARED

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_SHARED[:nbytes]))

    def data_received(self, data: bytes) -> None:
        raise NotImplementedError


P = TypeVar("P", bound=asyncio.Protocol | SharedReader)


class EngineSocket:
    """One engine. Every call has a connection of its own."""

    def __init__(self, path: str, *, timeout: float = TIMEOUT) -> None:
        self._path = path.removeprefix("unix://")
        self._timeout = timeout

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON, None where it is empty. Raises EngineError."""
        answer = _Answer(_request(method, path, body))
        transport = await self._connect(answer)
        try:
            async with asyncio.timeout(self._timeout):
                await answer.body
        except TimeoutError:
            raise RuntimeTimeout(f"the container engine did not answer within {self._timeout:g} s") from None
        finally:
            transport.abort()
        content = await answer.body
        if answer.code >= 300:
            raise _refusal(answer.code, content)
        return json.loads(content) if content.strip() else None

    async def open(
        self, method: str, path: str, protocol: P, body: Any = None, *, upgrade: bool = False
    ) -> P:
        """The protocol, connected to an answer without an end. Raises EngineError as the engine refuses."""
        answer = _Answer(_request(method, path, body, upgrade=upgrade), then=protocol)
        transport = await self._connect(answer)
        try:
            async with asyncio.timeout(self._timeout):
                await answer.head
                if answer.code >= 300:
                    raise _refusal(answer.code, await answer.body)
        except TimeoutError:
            transport.abort()
            raise RuntimeTimeout(f"the container engine did not answer within {self._timeout:g} s") from None
        except BaseException:
            transport.abort()
            raise
        return protocol

    async def _connect(self, answer: "_Answer") -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                transport, _ = await loop.create_unix_connection(lambda: answer, self._path)
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or "it accepts no connection"
            raise RuntimeUnavailable(f"no container engine answers: {why}") from error
        return transport


class _Answer(asyncio.Protocol):
    """Sends a request, reads the head, and then either the whole body or hands over to `then`."""

    def __init__(self, request: bytes, then: asyncio.Protocol | SharedReader | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.code = 0
        self.head: asyncio.Future[None] = loop.create_future()
        self.body: asyncio.Future[bytes] = loop.create_future()
        self._request = request
        self._then = then
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._came += data
        if self.code == 0:
            head, gap, rest = self._came.partition(b"\r\n\r\n")
            if gap:
                self._begin(head.decode("latin-1"), rest)
        if len(self._came) > (_BODY_LIMIT if self.code else _HEAD_LIMIT):
            self._transport.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        failure = RuntimeTimeout("the container engine hung up")
        if not self.head.done():
            self.head.set_exception(failure)
            self.head.exception()  # nobody waits for it where the whole body is wanted
        if not self.body.done():
            if self.code:
                self.body.set_result(self._came)
            else:
                self.body.set_exception(failure)
                self.body.exception()

    def _begin(self, head: str, rest: bytes) -> None:
        words = head.split(" ", 2)
        self.code = int(words[1]) if len(words) > 1 and words[1].isdigit() else 502
        self._came = rest
        if self._then is not None and self.code < 300:
            self._transport.set_protocol(self._then)
            self._then.connection_made(self._transport)
            if rest:
                self._then.data_received(rest)
        if not self.head.done():
            self.head.set_result(None)


def _request(method: str, path: str, body: Any, *, upgrade: bool = False) -> bytes:
    """HTTP/1.0, so that an answer ends with its connection and comes in no chunks; an upgrade needs 1.1."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} /{VERSION}{path} HTTP/1.{1 if upgrade else 0}", "Host: engine"]
    if upgrade:
        lines += ["Connection: Upgrade", "Upgrade: tcp"]
    if method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def _refusal(code: int, content: bytes) -> EngineError:
    words = content.decode(errors="replace").strip()
    with contextlib.suppress(ValueError, TypeError, KeyError):
        words = str(json.loads(content)["message"])
    return _REFUSALS.get(code, EngineRefused)(words or f"the container engine answered {code}")
