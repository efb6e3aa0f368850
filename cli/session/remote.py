"""A shell in a VPS that survives broken connections: exactly once both ways (docs/design/005-streams.md).

Knows no terminal of this machine: a `Viewer` is shown what comes, and whoever types calls `type`. When the
connection breaks it is made again, to the same shell, for as long as that is kept there.
"""

import asyncio
import dataclasses
import random
import string
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from kohakuriver import errors
from kohakuriver.cli.session.ended import Ending, ending
from kohakuriver.cli.session.opening import is_passing
from kohakuriver.cli.session.unconfirmed import Unconfirmed
from kohakuriver.streams.stream import Stream

PING_AFTER, GONE_AFTER = 2.0, 7.0  # seconds; a person is told of a dead link within about as long
ACKNOWLEDGE: Final = 1 << 15  # bytes shown that are told at once; fewer, after a while
ACKNOWLEDGE_AFTER: Final = 0.1  # seconds
AGAIN_FIRST, AGAIN_LONGEST = 0.2, 2.0  # seconds between attempts
WINDOW: Final = 300.0  # seconds that a shell is looked for, where its node did not say how long it is kept
_ALPHABET: Final = string.ascii_lowercase + string.digits
_GRACE: Final = 15.0  # seconds beyond its window in which a shell is still looked for

Params = list[tuple[str, str]]
Dial = Callable[[Params], Awaitable[Stream]]


@dataclasses.dataclass(frozen=True, slots=True)
class Others:
    """What a new shell is told of other sessions of its VPS."""

    left: str = ""  # the one that this person left last
    ago: float = 0.0  # seconds since
    more: int = 0  # of those that they left
    made_way: tuple[str, ...] = ()  # ended, since there were too many

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Others":
        """From `attached`; a node of an earlier version says nothing."""
        left = facts.get("left") or {}
        return cls(
            str(left.get("session") or ""),
            float(left.get("detached") or 0.0),
            int(left.get("others") or 0),
            tuple(map(str, facts.get("madeWay") or ())),
        )


DETACHED: Final = Ending(None, "Detached")


def new_session() -> str:
    """A name for a shell that nobody has named."""
    return "".join(random.choices(_ALPHABET, k=8))  # noqa: S311 - a name, no secret


class Viewer(Protocol):
    """Whoever looks at the shell."""

    async def show(self, data: bytes) -> None:
        """Returns when it has been shown: the shell has to wait for who is slow."""
        ...

    def attached(self, *, created: bool, missed: int) -> None:
        """The shell is there, for the first time or again."""
        ...

    def lost(self, why: str) -> None:
        """The connection broke, or could not be made again yet."""
        ...

    def wants_redraw(self) -> bool:
        """Whether what is seen has suffered while the shell was away."""
        ...

    def has_room(self) -> None:
        """More may be typed again."""
        ...


class Remote:
    """One shell in a VPS, which this end joins and leaves."""

    def __init__(
        self, dial: Dial, viewer: Viewer, *, session: str, size: tuple[int, int], params: Params
    ) -> None:
        self.session = session
        self.window = WINDOW
        self.others = Others()
        self._dial = dial
        self._viewer = viewer
        self._size = self._asked_size = size
        self._params = params
        self._typed = Unconfirmed()
        self._shown = 0
        self._told = 0  # of which the other side knows
        self._attachment: int | None = None
        self._stream: Stream | None = None
        self._controls: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._leaving = asyncio.Event()
        self._ack_timer: asyncio.TimerHandle | None = None

    async def run(self) -> Ending:
        """Until the shell ends, or somebody detaches. Raises ApiError and Unreachable."""
        main = asyncio.create_task(self._run(), name="shell")
        leaving = asyncio.create_task(self._leaving.wait(), name="detach")
        try:
            await asyncio.wait({main, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return main.result() if main.done() else DETACHED
        finally:
            for task in (main, leaving):
                task.cancel()
            await asyncio.gather(main, leaving, return_exceptions=True)

    # What a person does.

    def type(self, data: bytes) -> bool:
        """Bytes for the shell. Whether more may follow; if not, the viewer is told when it may."""
        self._typed.append(data)
        self._news.set()
        return self._typed.has_room

    def resize(self, rows: int, cols: int) -> None:
        if (rows, cols) != self._size:
            self._size = (rows, cols)
            self._control(_resize(self._size))

    def hang_up(self) -> None:
        """End the shell and what runs in it."""
        self._control({"hangup": True})

    def detach(self) -> None:
        """Leave it; it goes on for a while."""
        self._leaving.set()

    # Behind it.

    def _control(self, message: dict[str, Any]) -> None:
        if self._stream is not None:  # else the next attachment says it
            self._controls.append(message)
            self._news.set()

    async def _run(self) -> Ending:
        stream = await self._dial(self._asked(again=False))
        while True:
            try:
                return await self._attend(stream)
            except errors.Unreachable as error:
                self._viewer.lost(error.message)
            stream = await self._again()

    def _asked(self, *, again: bool) -> Params:
        self._asked_size = rows, cols = self._size
        params = [*self._params, ("session", self.session), ("rows", str(rows)), ("cols", str(cols))]
        if again:
            params += [("create", "0"), ("offset", str(self._shown))]
            if self._attachment is not None:
                self._attachment += 1
                params.append(("attachment", str(self._attachment)))
            if self._viewer.wants_redraw():
                params.append(("redraw", "1"))
        return params

    async def _again(self) -> Stream:
        """A new connection. Raises ApiError where there is nothing to come back to."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self.window + _GRACE, AGAIN_FIRST
        while True:
            try:
                return await self._dial(self._asked(again=True))
            except errors.KohakuRiverError as error:
                if not is_passing(error):
                    raise
                if loop.time() > until:
                    raise errors.Unreachable(
                        f"gave up: {error.message}", hint="the shell has been hung up meanwhile"
                    ) from error
                self._viewer.lost(error.message)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            pause = min(AGAIN_LONGEST, pause * 2)

    async def _attend(self, stream: Stream) -> Ending:
        """One connection, until it or the shell ends. Raises Unreachable where it broke."""
        writer: asyncio.Task[None] | None = None
        try:
            while (message := await stream.receive()) is not None:
                if isinstance(message, bytes):
                    await self._viewer.show(message)
                    self._count(stream, len(message))
                    continue
                if isinstance(facts := message.get("attached"), dict):
                    self._begin(stream, facts)
                    writer = asyncio.create_task(self._write(stream), name="typing")
                elif (ended := self._heard(message)) is not None:
                    stream.close()
                    return ended
            raise errors.Unreachable("the connection was closed")
        finally:
            self._stream = None
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)
            stream.framed.abort()

    def _begin(self, stream: Stream, facts: dict[str, Any]) -> None:
        self._stream = stream
        self._controls.clear()
        if self._size != self._asked_size:  # it changed while the connection was made
            self._control(_resize(self._size))
        self._shown = self._told = int(facts["output"])
        self._attachment = int(facts["attachment"])
        self.window = float(facts.get("detachedFor") or WINDOW)
        self.others = Others.of(facts)
        self._typed.resume(int(facts["input"]))
        self._news.set()
        self._viewer.attached(created=bool(facts["created"]), missed=int(facts["missed"]))

    def _heard(self, message: dict[str, Any]) -> Ending | None:
        match message:
            case {"input": int(offset)}:
                self._typed.confirm(offset)
                if self._typed.has_room:
                    self._viewer.has_room()
                return None
        return ending(message)

    async def _write(self, stream: Stream) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._controls:
                await stream.send_control(self._controls.pop(0))
            while data := self._typed.take():
                await stream.send(data)

    def _count(self, stream: Stream, shown: int) -> None:
        self._shown += shown
        if self._shown - self._told >= ACKNOWLEDGE:
            self._acknowledge(stream)
        elif self._ack_timer is None:
            loop = asyncio.get_running_loop()
            self._ack_timer = loop.call_later(ACKNOWLEDGE_AFTER, self._acknowledge, stream)

    def _acknowledge(self, stream: Stream) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        if stream is self._stream and self._shown > self._told:
            self._told = self._shown
            stream.framed.send_control({"output": self._shown})


def _resize(size: tuple[int, int]) -> dict[str, Any]:
    rows, cols = size
    return {"resize": {"rows": rows, "cols": cols}}
