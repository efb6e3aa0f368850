"""Takes requests from a stream, one after the other, and answers each. Knows no operation.

A request is `{"request": {"op": …, …}}`; what writes is followed by bytes and `{"eof": true}`. An answer is
any number of `{"part": …}` and bytes, then one `{"answer": …}` or `{"failed": Status}`; a request that
failed ends nothing. Operations block, so each runs in a thread; the loop goes on answering pings.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from kohakuriver import errors
from kohakuriver.agent.streams.files import faults
from kohakuriver.agent.streams.files.root import Root
from kohakuriver.streams.stream import Stream
from kohakuriver.trees.flow import BlockReader, Flow
from kohakuriver.trees.members import Refused


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. Whatever is of the wrong kind raises BadRequest."""

    fields: Mapping[str, Any]

    @property
    def op(self) -> str:
        return self.text("op")

    def path(self, key: str = "path") -> str:
        found = self.text(key)
        if not found:
            raise errors.BadRequest(f"{key} is empty")
        return found

    def text(self, key: str, default: str | None = None) -> str:
        found = self.fields.get(key, default)
        if not isinstance(found, str):
            raise errors.BadRequest(f"{key} is a text, and is needed")
        return found

    def number(self, key: str, default: int, *, most: int = 1 << 62) -> int:
        found = self.fields.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
            raise errors.BadRequest(f"{key} is a whole number from 0 to {most}")
        return found

    def flag(self, key: str, *, default: bool = False) -> bool:
        found = self.fields.get(key, default)
        if not isinstance(found, bool):
            raise errors.BadRequest(f"{key} is true or false")
        return found


class Exchange:
    """One request's bytes and the way back, for the thread that works on it."""

    def __init__(self, stream: Stream, *, has_body: bool) -> None:
        self._stream = stream
        self._flow = Flow()
        self._body_over = not has_body
        self.body = BlockReader(self._flow, self._block)

    def part(self, message: dict[str, Any]) -> None:
        self._flow.wait(self._stream.send_control({"part": message}))

    def send(self, data: bytes) -> None:
        self._flow.wait(self._stream.send(data))

    async def drain(self) -> None:
        """Drop what comes of the body still."""
        while not self._body_over:
            await self._block()

    async def _block(self) -> bytes:
        if self._body_over:
            return b""
        message = await self._stream.receive()
        if isinstance(message, bytes):
            return message
        self._body_over = True
        if message is None:
            raise errors.Unreachable("the stream ended within a request")
        if "eof" not in message:
            raise errors.BadRequest("a request came within another's bytes")
        return b""


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """Something that may be asked for. `has_body`: bytes and `eof` follow the request."""

    run: Callable[[Root, Request, Exchange], dict[str, Any]]
    has_body: bool = False


async def serve(stream: Stream, root: Root, operations: Mapping[str, Operation]) -> None:
    """Until the client closes the stream. Raises Unreachable when it breaks."""
    while (message := await stream.receive()) is not None:
        if isinstance(message, bytes):
            continue  # the rest of a request that nobody knew
        if isinstance(message.get("request"), dict):
            await _answer(stream, root, operations, Request(message["request"]))


async def _answer(stream: Stream, root: Root, operations: Mapping[str, Operation], request: Request) -> None:
    operation = operations.get(str(request.fields.get("op")))
    exchange = Exchange(stream, has_body=operation is not None and operation.has_body)
    try:
        if operation is None:
            raise errors.BadRequest(f"there is no operation {request.op!r}: {', '.join(operations)}")
        reply = {"answer": await asyncio.to_thread(operation.run, root, request, exchange)}
    except errors.ApiError as error:
        reply = {"failed": error.to_status()}
    except Refused as error:
        reply = {"failed": errors.BadRequest(f"{request.fields.get('path')}: {error}").to_status()}
    except (MemoryError, RecursionError):
        words = f"{request.fields.get('path')}: it holds more than can be looked through at once"
        reply = {"failed": errors.TooLarge(words, hint="take a folder below it").to_status()}
    except OSError as error:
        path = str(request.fields.get("path"))
        reply = {"failed": faults.of(error, path).to_status()}
    await stream.send_control(reply)
    await exchange.drain()
