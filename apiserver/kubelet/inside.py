"""What a client is joined to: a command or a terminal of a VPS, over one of our streams (design 005)."""

from typing import Any, Final, NamedTuple, Protocol

from kohakuriver import errors
from kohakuriver.apiserver.kubelet.channels import STDERR, STDOUT
from kohakuriver.apiserver.kubelet.client import InputEnded, Resized, Said, Status, Typed, ended
from kohakuriver.streams.stream import Control, Stream

_ACKNOWLEDGE: Final = 1 << 15  # bytes that a terminal's client has been shown until the session is told


class Output(NamedTuple):
    """Some bytes of standard output or of standard error."""

    channel: int
    data: bytes


class Inside(Protocol):
    """What runs in the VPS."""

    async def say(self, said: Said) -> None:
        """Pass on what the client did. Raises Unreachable."""
        ...

    async def hear(self) -> Output | Status:
        """The next output, or how it all ended. Raises Unreachable."""
        ...


class Command:
    """A command without a terminal."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._channel = STDOUT

    async def say(self, said: Said) -> None:
        match said:
            case Typed(data):
                await self._stream.send(data)
            case InputEnded():
                await self._stream.send_control({"eof": True})

    async def hear(self) -> Output | Status:
        while (found := await self._stream.receive()) is not None:
            if isinstance(found, bytes):
                return Output(self._channel, found)
            if "channel" in found:
                self._channel = STDERR if found["channel"] == "stderr" else STDOUT
            elif (status := ended(found)) is not None:
                return status
        raise _broken()


class Terminal:
    """A session of a VPS, which stays when its client goes. That a client's input has ended says no more than
    that: kubectl says so too when its window is closed, and to a shell it would mean the end."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._shown = self._told = 0  # bytes of the session's output

    async def say(self, said: Said) -> None:
        match said:
            case Typed(data):
                await self._stream.send(data)
            case Resized(rows, cols):
                await self._stream.send_control({"resize": {"rows": rows, "cols": cols}})

    async def hear(self) -> Output | Status:
        if self._shown - self._told >= _ACKNOWLEDGE:
            self._told = self._shown
            await self._stream.send_control({"output": self._shown})
        while (found := await self._stream.receive()) is not None:
            if isinstance(found, bytes):
                self._shown += len(found)
                return Output(STDOUT, found)
            self._begin(found)
            if (status := ended(found)) is not None:
                return status
        raise _broken()

    def _begin(self, found: Control) -> None:
        attached: Any = found.get("attached")
        if isinstance(attached, dict):
            self._shown = self._told = int(attached.get("output") or 0)


def _broken() -> errors.Unreachable:
    return errors.Unreachable("the connection to the node was closed")
