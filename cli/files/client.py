"""Asks for the files of a VPS over one stream, request by request (docs/design/005-streams.md, files).

The stream is opened when it is first needed, and opened again after it broke. What only looks is asked
again by itself then; what writes is not, since it may have been done. Requests take turns.
"""

import asyncio
import dataclasses
import urllib.parse
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.files.entry import Entry
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from kohakuriver.streams.stream import Stream

Open = Callable[[], Awaitable[Stream]]
Sink = Callable[[bytes], Awaitable[None]]
Answer = dict[str, Any]
Entries = list[Entry]
Names = list[str]


def opener(connection: Connection, name: str) -> Open:
    """Opens streams to the files of that VPS."""
    dialer = Dialer(connection, program="kohakuriver")
    quoted = urllib.parse.quote(name, safe="")
    path = kinds.VPS.path(namespace=connection.namespace, name=quoted, subresource="files")

    async def open_() -> Stream:
        return await dialer.stream(path)

    return open_


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """What was read, and of which version."""

    entry: Entry
    data: bytes


class FilesClient:
    """One VPS's files. Every call raises ApiError as the agent refuses, and Unreachable without a link."""

    def __init__(self, open_: Open) -> None:
        self._open = open_
        self._stream: Stream | None = None
        self._turn = asyncio.Lock()

    async def stat(self, path: str, *, follow: bool = True) -> Entry:
        return Entry.of(await self._look({"op": "stat", "path": path, "follow": follow}))

    async def list(self, path: str) -> Entries:
        """What is in a folder, unsorted."""
        found: Entries = []
        await self._look(
            {"op": "list", "path": path},
            again=found.clear,
            part=lambda part: found.extend(map(Entry.of, part["entries"])),
        )
        return found

    async def walk(self, path: str, *, limit: int, found: Callable[[Names], None]) -> bool:
        """Paths of files below it, nearest first, as they are found; whether these are all."""
        request = {"op": "walk", "path": path, "limit": limit}
        answer = await self._ask(request, part=lambda part: found(part["paths"]))
        return bool(answer["complete"])

    async def read(self, path: str, *, limit: int) -> Content:
        """At most so many bytes of it."""
        parts: list[bytes] = []

        async def take(data: bytes) -> None:
            parts.append(data)

        request = {"op": "read", "path": path, "limit": limit}
        answer = await self._look(request, again=parts.clear, take=take)
        return Content(Entry.of(answer | {"path": path}), b"".join(parts))

    async def write(self, path: str, data: bytes, *, expect: str | None) -> Entry:
        """All of it, at once. Raises Conflict where another version is there than `expect`, which is "" for
        none."""
        return await self.write_from(path, _one(data), expect=expect)

    async def folder(self, path: str, *, existing: bool = False, mode: int = 0o755) -> Entry:
        return Entry.of(await self._ask({"op": "folder", "path": path, "existing": existing, "mode": mode}))

    async def rename(self, path: str, to: str, *, replace: bool = False) -> None:
        await self._ask({"op": "rename", "path": path, "to": to, "replace": replace})

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        await self._ask({"op": "remove", "path": path, "recursive": recursive})

    # Of any size.

    async def read_into(self, path: str, take: Sink) -> Answer:
        """The whole file, handed on as it comes."""
        return await self._ask({"op": "read", "path": path}, take=take)

    async def write_from(
        self,
        path: str,
        source: AsyncIterable[bytes],
        *,
        expect: str | None,
        mode: int | None = None,
        mtime: int | None = None,
    ) -> Entry:
        """The whole file from blocks; mode and time are kept or chosen there where they are not given."""
        wanted = {"expect": expect, "mode": mode, "mtime": mtime}
        known = {key: value for key, value in wanted.items() if value is not None}
        request = {"op": "write", "path": path, **known}
        return Entry.of(await self._ask(request, body=source))

    async def archive(self, path: str, take: Sink) -> Answer:
        """Everything below a folder, as a tar stream."""
        return await self._ask({"op": "archive", "path": path}, take=take)

    async def extract(self, path: str, source: AsyncIterable[bytes]) -> Answer:
        """Write a tar stream below a folder."""
        return await self._ask({"op": "extract", "path": path}, body=source)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def _look(
        self,
        request: dict[str, Any],
        *,
        again: Callable[[], None] = lambda: None,
        part: Callable[[Answer], None] | None = None,
        take: Sink | None = None,
    ) -> Answer:
        """Once more on a new stream if the old one was broken."""
        was_open = self._stream is not None
        try:
            return await self._ask(request, part=part, take=take)
        except errors.Unreachable:
            if not was_open:
                raise
        again()
        return await self._ask(request, part=part, take=take)

    async def _ask(
        self,
        request: dict[str, Any],
        *,
        body: AsyncIterable[bytes] | None = None,
        part: Callable[[Answer], None] | None = None,
        take: Sink | None = None,
    ) -> Answer:
        async with self._turn:
            if self._stream is None:
                self._stream = await self._open()
            stream, is_whole = self._stream, False
            try:
                answer = asyncio.ensure_future(_answer(stream, part, take))
                try:
                    await stream.send_control({"request": request})
                    if body is not None:
                        await _send(stream, body, answer)
                    reply = await answer
                finally:
                    answer.cancel()
                is_whole = True
            finally:
                if not is_whole:  # half an exchange must not be taken for the next one
                    stream.framed.abort()
                    self._stream = None
        if "failed" in reply:
            raise errors.from_status(reply["failed"])
        return dict(reply["answer"])


async def _send(stream: Stream, body: AsyncIterable[bytes], answer: asyncio.Future[Answer]) -> None:
    """The bytes, unless the answer comes before their end: it is a refusal then."""
    async for data in body:
        if answer.done():
            break
        await stream.send(data)
    await stream.send_control({"eof": True})


async def _answer(stream: Stream, part: Callable[[Answer], None] | None, take: Sink | None) -> Answer:
    while True:
        message = await stream.receive()
        if message is None:
            raise errors.Unreachable("the agent ended the stream", hint="try again in a moment")
        if isinstance(message, bytes):
            if take is not None:
                await take(message)
        elif "part" in message:
            if part is not None:
                part(message["part"])
        elif "answer" in message or "failed" in message:
            return message
        elif "error" in message:
            raise errors.from_status(message["error"])


async def _one(data: bytes) -> AsyncIterable[bytes]:
    for start in range(0, len(data), 1 << 18):
        yield data[start : start + (1 << 18)]
