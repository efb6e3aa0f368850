"""`kubectl cp` on an image without `tar`: the commands that it sends are answered by the VPS's files service.

kubectl says with each request for which of its own commands it is, so that what a person runs by `kubectl
exec` always means what it says, `tar` too.
"""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import happened
from kohakuriver.apiserver.kubelet import asked, renaming
from kohakuriver.apiserver.kubelet.channels import STDERR, STDOUT
from kohakuriver.apiserver.kubelet.client import InputEnded, Said, Status, Typed, ended
from kohakuriver.apiserver.kubelet.inside import Command, Output
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming.reach import Target
from kohakuriver.printable import cut
from kohakuriver.streams.stream import Stream

_FOR: Final = "Kubectl-Command"
_COPIES: Final = "kubectl cp"
_FROM: Final = re.compile(r"tar cf - (?:'([^']*)'|([\w./@%+=:,-]+)) \| tail -c\+(\d{1,15})")
_INTO: Final = (("tar", "-xmf", "-"), ("tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-"))
_NOT_THERE: Final = 127
_FAILED: Final = 2  # as tar ends then
_LONGEST_PATH: Final = 256  # characters of one, in the audit log


@dataclasses.dataclass(frozen=True, slots=True)
class IsFolder:
    """Whether that is a folder."""

    path: str
    needs: str = "test"


@dataclasses.dataclass(frozen=True, slots=True)
class Bring:
    """All of a file or folder, as a tar stream from that byte on."""

    path: str
    skip: int = 0
    needs: str = "tar"


@dataclasses.dataclass(frozen=True, slots=True)
class Take:
    """A tar stream, to be unpacked below that folder."""

    folder: str
    needs: str = "tar"


Copying = IsFolder | Bring | Take


def meant(request: web.Request, command: Sequence[str]) -> Copying | None:
    """What `kubectl cp` means by a command; None for all that somebody else asks for."""
    return parsed(command) if request.headers.get(_FOR, "") == _COPIES else None


def parsed(command: Sequence[str]) -> Copying | None:
    """What one of the commands that `kubectl cp` sends is for. Pure."""
    match tuple(command):
        case ("test", "-d", path):
            return IsFolder(path)
        case ("tar", "cf", "-", path):
            return Bring(path)
        case ("sh", "-c", script) if found := _FROM.fullmatch(script):
            quoted, bare, start = found.groups()
            return Bring(bare if quoted is None else quoted, max(0, int(start) - 1))
        case words if words in _INTO:
            return Take(".")
        case (*words, "-C", folder) if tuple(words) in _INTO:
            return Take(folder)
    return None


async def lacks(call: Call, found: Target, program: str) -> bool:
    """Whether the VPS has no such program. Raises ApiError."""
    async with asked.stream(call, "exec", found, {"command": [program, "--version"]}) as stream:
        command = Command(stream)
        try:
            while isinstance(heard := await command.hear(), Output):
                pass
        except errors.Unreachable as error:
            raise errors.Unavailable(error.message, retry_after=1) from error
    return heard.get("details") == (ended({"exit": {"code": _NOT_THERE}}) or {}).get("details")


class Files:
    """What runs in place of such a command, over a stream of the files service."""

    def __init__(self, stream: Stream, copying: Copying, request: web.Request) -> None:
        self._stream = stream
        self._request = request
        self._takes = isinstance(copying, Take)
        self._asked = asyncio.Event()  # for whatever wants the client's bytes
        self._answer = self._answered(copying)

    async def say(self, said: Said) -> None:
        if not self._takes:
            return
        await self._asked.wait()
        match said:
            case Typed(data):
                await self._stream.send(data)
            case InputEnded():
                await self._stream.send_control({"eof": True})

    async def hear(self) -> Output | Status:
        return await anext(self._answer)

    async def _answered(self, copying: Copying) -> AsyncIterator[Output | Status]:
        try:
            match copying:
                case IsFolder(path):
                    yield _exit(0 if (await self._stat(path)).get("kind") == "folder" else 1)
                case Take(folder):
                    await self._ask("extract", folder)
                    self._asked.set()
                    left_out = _left_out((await self._end()).get("left_out"))
                    if left_out:
                        yield Output(STDERR, left_out)
                    yield _exit(_FAILED if left_out else 0)
                case Bring(path, skip):
                    async for output in self._brought(path):
                        if output.channel == STDOUT:
                            skip, output = max(0, skip - len(output.data)), Output(STDOUT, output.data[skip:])
                        if output.data:
                            yield output
                    yield _exit(0)
        except (errors.ApiError, renaming.BrokenTar) as error:
            words = error.in_one_message if isinstance(error, errors.ApiError) else str(error)
            if not isinstance(copying, IsFolder):
                yield Output(STDERR, f"tar: {words}\n".encode())
            yield _exit(1 if isinstance(copying, IsFolder) else _FAILED)

    async def _brought(self, path: str) -> AsyncIterator[Output]:
        """A tar stream of it, and what was left out of that."""
        found = await self._stat(path)
        if found.get("kind") != "folder":
            async for data in self._one(path):
                yield Output(STDOUT, data)
            return
        await self._ask("archive", path)
        renamer = renaming.Renamer(renaming.named(path))
        while isinstance(heard := await self._next(), bytes):
            yield Output(STDOUT, renamer.feed(heard))
        yield Output(STDERR, _left_out((heard.get("answer") or {}).get("left_out")))

    async def _one(self, path: str) -> AsyncIterator[bytes]:
        """A tar stream with this file alone."""
        await self._ask("read", path)
        announced = came = 0
        while not isinstance(heard := await self._next(), dict) or "part" in heard:
            if isinstance(heard, bytes):
                came += len(heard)
                yield heard
            else:
                about = heard["part"]
                announced = int(about["size"])
                name, mode, mtime = renaming.named(path), int(about["mode"]), int(about["mtime"])
                yield renaming.member(name, size=announced, mode=mode, mtime=mtime)
        if came != announced:
            raise errors.Conflict(f"{path} was written to while it was copied", hint="copy it again")
        yield renaming.padding(came) + renaming.END

    async def _stat(self, path: str) -> dict[str, Any]:
        await self._ask("stat", path)
        return await self._end()

    async def _ask(self, op: str, path: str) -> None:
        if op != "stat":
            happened(self._request, "file", op=op, file=cut(path, _LONGEST_PATH))
        await self._stream.send_control({"request": {"op": op, "path": path}})

    async def _end(self) -> dict[str, Any]:
        """The answer, with nothing of content before it."""
        while isinstance(found := await self._next(), bytes):
            pass
        return dict(found.get("answer") or {})

    async def _next(self) -> bytes | dict[str, Any]:
        """Content, a part, or the answer. Raises what the node refuses with, and Unreachable."""
        found = await self._stream.receive()
        if found is None:
            raise errors.Unreachable("the connection to the node was closed")
        if isinstance(found, dict):
            failure = found.get("failed") or found.get("error")
            if isinstance(failure, dict):
                raise errors.from_status(failure)
        return found


def _left_out(names: Any) -> bytes:
    """What was left out, a line each."""
    words = [one for one in names if isinstance(one, str)] if isinstance(names, list) else []
    return "".join(f"tar: {one}\n" for one in words).encode()


def _exit(code: int) -> Status:
    return ended({"exit": {"code": code}}) or {}
