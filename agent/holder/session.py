"""One session: a program on a terminal, and whoever is attached to it, exactly once both ways.

Attachments are numbered. A higher number takes over: the older connection is told so, and what still comes
from it is dropped. While nobody is attached the program runs on; after the window it is hung up.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from kohakuriver import errors
from kohakuriver.agent.holder.outflow import Outflow
from kohakuriver.streams.stream import Framed

STRIDE: Final = 1 << 20
"""How far a newcomer's number is above the last: who merely counts on never overtakes a newcomer."""
ACKNOWLEDGE_AFTER: Final = 0.1  # seconds in which input is counted before that is told
_NOTHING: Final[Mapping[str, Any]] = {}
_MOST_INPUT: Final = 1 << 20  # bytes that a program may leave unread before its client is stopped


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal."""

    rows: int
    cols: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: with a code, or for a reason from outside."""

    code: int | None
    reason: str = ""
    message: str = ""

    def control(self) -> dict[str, Any]:
        """As the client is told."""
        if self.code is not None:
            return {"exit": {"code": self.code}}
        return {"end": {"reason": self.reason, "message": self.message}}


class Program(Protocol):
    """What runs, seen from its session. Tells it `output`, `fed` and `ended`."""

    def feed(self, data: bytes) -> None:
        """Bytes to its terminal."""
        ...

    def unfed(self) -> int:
        """How many of them it has not taken yet."""
        ...

    def pause(self) -> None:
        """Stop reading what it writes, so that it has to wait."""
        ...

    def resume(self) -> None: ...

    def resize(self, size: Size, *, redraw: bool = False) -> None:
        """`redraw`: make it draw everything again, though the size is the same."""
        ...

    def hang_up(self) -> None:
        """End it, and what it started."""
        ...


class Attached(Protocol):
    """Whoever is attached, seen from the session. Tells it `typed`, `shown`, `writable` and `left`."""

    number: int
    framed: Framed
    has_room: bool  # for more output
    knows_the_end: bool

    def finish(self, ending: Ending) -> None:
        """Tell how it ended, and close."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a list of sessions tells of one."""

    id: str
    user: str
    command: str


class Session:
    """A program, once `program` is set, and its attachment."""

    def __init__(self, facts: Facts, *, window: float, gone: Callable[["Session"], None]) -> None:
        self.facts = facts
        self.program: Program
        self.ending: Ending | None = None
        self.attachment: Attached | None = None
        self.window = window
        self._number = 0
        self._gone = gone  # nobody can come back any more
        self._outflow = Outflow()
        self._taken = 0  # bytes of input so far
        self._told = 0  # of which the client knows
        self._size: Size | None = None
        loop = asyncio.get_running_loop()
        self._time = loop.time
        self._later = loop.call_later
        self._made_at = self._left_at = loop.time()
        self._was_hung_up = False
        self._timer: asyncio.TimerHandle | None = None
        self._ack_timer: asyncio.TimerHandle | None = None
        self._wait_for_somebody()

    @property
    def id(self) -> str:
        return self.facts.id

    @property
    def user(self) -> str:
        return self.facts.user

    @property
    def left_at(self) -> float | None:
        """When it was left, by the loop's clock; None while somebody is attached."""
        return self._left_at if self.attachment is None else None

    @property
    def is_over(self) -> bool:
        return self.ending is not None

    # Attaching and leaving.

    def admit(self, number: int | None) -> int:
        """The number of a new attachment. Raises Conflict where a later one has taken over."""
        if number is None:
            return (self._number // STRIDE + 1) * STRIDE
        if number <= self._number:
            raise errors.Conflict(
                "the session was taken over from elsewhere", causes=(errors.Cause("", "", "TakenOver"),)
            )
        return number

    def attach(
        self,
        attachment: Attached,
        *,
        offset: int | None,
        size: Size | None,
        redraw: bool,
        created: bool,
        told: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Whoever was attached is told, and left alone. `told`: what the new one hears besides."""
        older, self.attachment = self.attachment, attachment
        if older is not None:
            older.finish(Ending(None, "TakenOver", "the session was taken over from elsewhere"))
        comes_back = attachment.number // STRIDE == self._number // STRIDE
        self._number = attachment.number
        self._stop_waiting()
        resumed = self._outflow.attach(offset, comes_back=comes_back, is_first=created)
        self._told = self._taken
        attachment.framed.send_control(
            {
                "attached": {
                    "session": self.facts.id,
                    "created": created,
                    "attachment": attachment.number,
                    "output": resumed.output,
                    "input": self._taken,
                    "missed": resumed.missed,
                    "detachedFor": self.window,
                    "pings": True,
                    **told,
                }
            }
        )
        stale = not created and (offset is None or resumed.missed > 0 or redraw)
        if size is not None:
            self.resize(size, redraw=stale)
        self._pump()

    def left(self, attachment: Attached) -> None:
        """Its connection ended."""
        if attachment is not self.attachment:
            return
        self.attachment = None
        self._outflow.detach()
        if self.ending is not None and attachment.knows_the_end:
            self._gone(self)
            return
        if self.ending is None:
            self.program.resume()
        self._left_at = self._time()
        self._wait_for_somebody()

    def set_window(self, seconds: float) -> None:
        """How long it is kept from now on, counted from when it was left."""
        self.window = seconds
        if self._timer is not None:
            self._stop_waiting()
            self._wait_for_somebody()

    def discard(self) -> None:
        """It never began."""
        self._stop_waiting()

    # From the client.

    def typed(self, data: bytes) -> None:
        self._taken += len(data)
        if self.ending is None:
            self.program.feed(data)
            if self.program.unfed() > _MOST_INPUT and self.attachment is not None:
                self.attachment.framed.pause_reading()
        if self._ack_timer is None:
            self._ack_timer = self._later(ACKNOWLEDGE_AFTER, self._acknowledge)

    def shown(self, offset: int) -> None:
        self._outflow.acknowledge(offset)
        self._pump()

    def resize(self, size: Size, *, redraw: bool = False) -> None:
        if self.ending is None and (size != self._size or redraw):
            self._size = size
            self.program.resize(size, redraw=redraw)

    def hang_up(self) -> None:
        if self.ending is None:
            self._was_hung_up = True
            self.program.hang_up()

    def writable(self, yes: bool) -> None:
        if yes:
            self._pump()

    # From the program.

    def output(self, data: bytes) -> None:
        self._outflow.came(data)
        self._pump()

    def fed(self) -> None:
        """The program has taken all its input."""
        if self.attachment is not None:
            self.attachment.framed.resume_reading()

    def ended(self, ending: Ending) -> None:
        self.ending = ending
        self._pump()
        if self._was_hung_up and self.attachment is None:  # who ended it and left waits for no word of that
            self._stop_waiting()
            self._gone(self)

    # For the list.

    def standing(self) -> dict[str, Any]:
        now = self._time()
        size = self._size
        return {
            "session": self.facts.id,
            "user": self.facts.user,
            "command": self.facts.command,
            "attached": self.attachment is not None,
            "age": round(now - self._made_at, 1),
            "detached": None if self.attachment is not None else round(now - self._left_at, 1),
            "detachedFor": self.window,
            "size": f"{size.rows}x{size.cols}" if size else "",
            "ended": self.ending is not None,
        }

    # Behind it.

    def _pump(self) -> None:
        """Send what may be sent; stop the program, or let it go on; say the end once all is sent."""
        attachment = self.attachment
        if attachment is None:
            return
        while attachment.has_room and (data := self._outflow.take()):
            attachment.framed.send(data)
        if self.ending is None:
            if self._outflow.is_full:
                self.program.pause()
            else:
                self.program.resume()
        elif self._outflow.is_sent:
            attachment.finish(self.ending)

    def _acknowledge(self) -> None:
        self._ack_timer = None
        unfed = self.program.unfed() if self.ending is None else 0
        taken = self._taken - unfed
        if self.attachment is not None and taken > self._told:
            self._told = taken
            self.attachment.framed.send_control({"input": taken})
        if unfed:
            self._ack_timer = self._later(ACKNOWLEDGE_AFTER, self._acknowledge)

    def _wait_for_somebody(self) -> None:
        left = self._left_at + self.window - self._time()
        self._timer = self._later(max(left, 0), self.give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def give_up(self) -> None:
        """Nobody comes back to it, or it makes way for another."""
        self._stop_waiting()
        self.hang_up()
        self._gone(self)
