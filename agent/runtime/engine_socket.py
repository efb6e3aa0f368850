"""The engine's HTTP over its unix socket, by the standard library alone, at a version that both sides have.

For what the SDK cannot do without a thread for each stream: commands in containers and their logs. The
session holder stands on it too, so nothing large is imported here. Knows no path and no meaning. Nothing is
retried but what an engine refuses for the version it was asked at: it was replaced by another meanwhile.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from kohakuriver.agent.runtime.errors import (
    EngineError,
    EngineRefused,
    EngineUnsuited,
    NotFound,
    RuntimeTimeout,
    RuntimeUnavailable,
    WrongState,
)
from kohakuriver.streams.head import Head, HeadReader, NotHTTP

OLDEST: Final = (1, 41)  # Docker 20.10; an older API lacks what is asked here
PREFERRED: Final = (1, 44)  # Docker 25, and the oldest that Docker 29 answers to
NEWEST: Final = (
    1,
    52,
)  # Docker 29.1; an engine that insists on a newer one may mean other things by its words
TIMEOUT: Final = 30.0  # seconds for one answer
_BODY_LIMIT = 1 << 22  # bytes
_WRONG_VERSION: Final = re.compile(r"client version \S+ is too (?:old|new)", re.IGNORECASE)
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


def version(said: Mapping[str, Any]) -> str:
    """What to speak with an engine that says this of itself (`GET /version`), such as "1.44".

    The one that this was tried with, or the nearest that the engine has. Raises EngineUnsuited for an engine
    that has none from `OLDEST` to `NEWEST`, or says nothing that can be read.
    """
    try:
        newest = _numbers(said["ApiVersion"])
        oldest = _numbers(said.get("MinAPIVersion") or "1.0")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EngineUnsuited(
            "the container engine does not say which version of its API it has: run the agent with Docker "
            "20.10 or later"
        ) from None
    if newest < OLDEST:
        raise EngineUnsuited(
            f"the container engine is too old: it has version {written(newest)} of its API, "
            f"and {written(OLDEST)} is needed: upgrade Docker to 20.10 or later"
        )
    if oldest > NEWEST:
        raise EngineUnsuited(
            f"the container engine is too new: it has version {written(oldest)} of its API and later ones, "
            f"and this KohakuRiver knows those up to {written(NEWEST)}: upgrade KohakuRiver on this node"
        )
    return written(max(min(PREFERRED, newest), oldest))


class EngineSocket:
    """One engine. Every call has a connection of its own."""

    def __init__(self, path: str, *, timeout: float = TIMEOUT) -> None:
        self._path = path.removeprefix("unix://")
        self._timeout = timeout
        self._version: str | None = None  # of its API; None until it was asked

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON, None where it is empty. Raises EngineError."""
        while True:
            version = await self._agreed()
            try:
                return await self._call(method, f"/v{version}{path}", body)
            except EngineRefused as error:
                await self._agree_again(version, error)

    async def open(
        self, method: str, path: str, protocol: P, body: Any = None, *, upgrade: bool = False
    ) -> P:
        """The protocol, connected to an answer without an end. Raises EngineError as the engine refuses."""
        while True:
            version = await self._agreed()
            try:
                return await self._open(method, f"/v{version}{path}", protocol, body, upgrade=upgrade)
            except EngineRefused as error:
                await self._agree_again(version, error)

    async def _agreed(self) -> str:
        if self._version is None:
            self._version = version(await self._call("GET", "/version", None) or {})
        return self._version

    async def _agree_again(self, spoken: str, error: EngineRefused) -> None:
        """Raises the error unless it is about the version, and the engine has another now."""
        if not _WRONG_VERSION.search(error.message):
            raise error
        if self._version == spoken:
            self._version = None
        if await self._agreed() == spoken:
            raise error

    async def _call(self, method: str, path: str, body: Any) -> Any:
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

    async def _open(self, method: str, path: str, protocol: P, body: Any, *, upgrade: bool) -> P:
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
        self._reader = HeadReader()
        self._came = b""  # of the body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.code:
            self._came += data
        else:
            try:
                found = self._reader.feed(data)
            except NotHTTP:
                self._transport.abort()
                return
            if found is not None:
                self._begin(*found)
        if len(self._came) > _BODY_LIMIT:
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

    def _begin(self, head: Head, rest: bytes) -> None:
        self.code, self._came = head.code, rest
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
    lines = [f"{method} {path} HTTP/1.{1 if upgrade else 0}", "Host: engine"]
    if upgrade:
        lines += ["Connection: Upgrade", "Upgrade: tcp"]
    if method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def written(version: tuple[int, int]) -> str:
    """As the engine writes it: "1.44"."""
    return f"{version[0]}.{version[1]}"


def _refusal(code: int, content: bytes) -> EngineError:
    words = content.decode(errors="replace").strip()
    with contextlib.suppress(ValueError, TypeError, KeyError):
        words = str(json.loads(content)["message"])
    return _REFUSALS.get(code, EngineRefused)(words or f"the container engine answered {code}")
