"""`kubectl logs`: what the main process of a VPS wrote, from our stream of it.

It is sent as plain text, or in the messages of a WebSocket, as pages in a browser ask for it.
"""

import asyncio
import base64
import dataclasses
from collections.abc import Mapping
from typing import Final, Protocol

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import opened
from kohakuriver.apiserver.kubelet import asked
from kohakuriver.apiserver.kubelet.channels import STDERR, STDOUT
from kohakuriver.apiserver.kubelet.inside import Command, Output
from kohakuriver.apiserver.objects.query import flag
from kohakuriver.apiserver.serving import pieces
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.serving.watch_socket import BASE64, WatchSocket, socket_wanted
from kohakuriver.apiserver.streaming import opening, told
from kohakuriver.clock import parse_timestamp
from kohakuriver.resources import kinds

_MOST: Final = 1 << 31  # lines, and seconds
_WHOLE: Final = errors.Conflict.code  # what `ended` makes of a log that has come to its end
_STREAMS: Final = {"": (STDOUT, STDERR), "All": (STDOUT, STDERR), "Stdout": (STDOUT,), "Stderr": (STDERR,)}


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What of the log is asked for."""

    query: Mapping[str, list[str]]  # as our stream takes it
    channels: tuple[int, ...]
    limit: int | None  # bytes


async def show(request: web.Request) -> web.StreamResponse:
    """All that is asked for; where it is followed, until the VPS stops or the client goes."""
    call = Call.of(request, kinds.VPS)
    asked.check_container(request, call.name)
    wanted = read(request.query, call.name)
    found = await opening.look(call, "logs")
    await opened(request, "logs", uid=found.uid, node=found.node, **told.asked("logs", request))
    page: Page = LogSocket() if socket_wanted(request) else LogText()
    try:
        async with asked.stream(call, "logs", found, wanted.query) as stream:
            await page.begin(request)
            sent = await _send(page, Command(stream), wanted)
            asked.tell(request, bytesOut=sent)
        await page.end()
    finally:
        page.release()
    return page.response


class Page(Protocol):
    """Where a log is written to."""

    @property
    def response(self) -> web.StreamResponse: ...

    async def begin(self, request: web.Request) -> None:
        """Answer that it comes."""
        ...

    async def write(self, chunk: bytes) -> None: ...

    async def end(self) -> None:
        """That was all of it."""
        ...

    def release(self) -> None: ...


class LogText:
    """The body of an answer."""

    def __init__(self) -> None:
        headers = {"Content-Type": "text/plain", "Cache-Control": "no-cache"}
        self.response = web.StreamResponse(headers=headers)
        self.response.enable_chunked_encoding()

    async def begin(self, request: web.Request) -> None:
        await self.response.prepare(request)

    async def write(self, chunk: bytes) -> None:
        await self.response.write(chunk)

    async def end(self) -> None:
        await self.response.write_eof()

    def release(self) -> None:
        """Nothing is held."""


class LogSocket(WatchSocket):
    """Messages, each as many bytes as were there; in base64 where its client named that."""

    async def write(self, chunk: bytes) -> None:
        """Send them. Raises TimeoutError, and ConnectionResetError."""
        if not chunk:
            return
        async with asyncio.timeout(pieces.WRITE_WITHIN):
            if self.response.ws_protocol == BASE64:
                await self.response.send_str(base64.b64encode(chunk).decode())
            else:
                await self.response.send_bytes(chunk)


async def _send(page: Page, log: Command, wanted: Wanted) -> int:
    """How many bytes went out. A client that reads slowly stops the node's reading, and nothing else.

    Raises what the node ends a log with that is not whole, and Unreachable: the connection is then reset, as
    plain text has no other word for it.
    """
    sent = 0
    while isinstance(heard := await log.hear(), Output):
        if heard.channel not in wanted.channels:
            continue
        data = heard.data if wanted.limit is None else heard.data[: wanted.limit - sent]
        await page.write(data)
        sent += len(data)
        if sent == wanted.limit:
            return sent
    if heard.get("code", _WHOLE) != _WHOLE:
        raise errors.from_status(heard)
    return sent


def read(query: Mapping[str, str], name: str) -> Wanted:
    """What the query of `pods/NAME/log` asks for. Raises BadRequest."""
    if flag(query, "previous"):
        raise errors.BadRequest(
            f"{name} has no log of a previous container: its log goes on from one start to the next",
            hint=f"kubectl logs {name}",
        )
    if query.get("sinceSeconds") and query.get("sinceTime"):
        raise errors.BadRequest("sinceSeconds and sinceTime are both given", hint="give one of them")
    asks: dict[str, list[str]] = {}
    for ours, theirs in (("tail", "tailLines"), ("since", "sinceSeconds")):
        number = _number(query, theirs)
        if number is not None:
            asks[ours] = [str(number)]
    if query.get("sinceTime"):
        asks["since"] = [_moment(query["sinceTime"])]
    asks |= {part: ["1"] for part in ("follow", "timestamps") if flag(query, part)}
    channels = _STREAMS.get(query.get("stream", ""))
    if channels is None:
        raise errors.BadRequest(f'invalid stream "{query["stream"][:100]}": use All, Stdout or Stderr')
    return Wanted(asks, channels, _number(query, "limitBytes", least=1, most=1 << 62))


def _number(query: Mapping[str, str], name: str, *, least: int = 0, most: int = _MOST) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise errors.BadRequest(f'invalid {name} "{text[:100]}": use a whole number from {least} to {most}')
    return int(text)


def _moment(text: str) -> str:
    try:
        parse_timestamp(text)
    except ValueError:
        raise errors.BadRequest(
            f'invalid sinceTime "{text[:100]}": use a time such as 2026-01-31T12:00:00Z'
        ) from None
    return text
