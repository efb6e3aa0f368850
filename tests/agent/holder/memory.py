"""A program and connections in memory, for sessions: nothing moves but when a test moves it."""

import asyncio

from kohakuriver.agent.holder.attachment import Attachment
from kohakuriver.agent.holder.session import Facts, Session, Size
from kohakuriver.cli.session.unconfirmed import Unconfirmed
from kohakuriver.streams.stream import Framed


class MemoryProgram:
    """Takes what it is fed as long as nobody stops it, and writes what the test says."""

    def __init__(self) -> None:
        self.fed = b""
        self.waiting = b""  # not taken yet
        self.is_stuck = False
        self.is_paused = False
        self.was_hung_up = False
        self.sizes: list[tuple[Size, bool]] = []

    def feed(self, data: bytes) -> None:
        self.waiting += data
        if not self.is_stuck:
            self.fed, self.waiting = self.fed + self.waiting, b""

    def unfed(self) -> int:
        return len(self.waiting)

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def resize(self, size: Size, *, redraw: bool = False) -> None:
        self.sizes.append((size, redraw))

    def hang_up(self) -> None:
        self.was_hung_up = True


class Wire(asyncio.Transport):
    """One direction's end: what is written lies here until it is delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """It has room for everything."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """The test knows whom to deliver to."""

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        """The test delivers when it wants."""

    def resume_reading(self) -> None:
        """The same."""

    def write(self, data: bytes) -> None:
        if not self.is_closed:
            self.written += data

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def take(self, most: int) -> bytes:
        data, self.written = self.written[:most], self.written[most:]
        return data


class Client:
    """Somebody at a shell, who comes back to it. Acknowledges what it has been shown."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.shown = b""
        self.missed = 0
        self.told: list[dict] = []
        self._typed = Unconfirmed()
        self._number: int | None = None
        self._is_here = False

    def come(self, *, size: Size | None = None, newcomer: bool = False) -> None:
        """A new connection; an older one is simply gone for us."""
        self._is_here = False
        self._near, self._far = Wire(), Wire()
        self._framed = Framed(self, masks=True)
        knows = self._number is not None and not newcomer
        number = self._number = self._number + 1 if knows else None
        offset = len(self.shown) + self.missed if knows else None
        self._attachment = Attachment(self.session, self.session.admit(number))
        self._attachment.adopt(self._far)
        self.session.attach(
            self._attachment, offset=offset, size=size, redraw=False, created=not (knows or newcomer)
        )
        self._framed.adopt(self._near)

    def move(self, there: int, back: int) -> None:
        """Deliver so many bytes of what was sent, each way."""
        if data := self._near.take(there):
            self._attachment.framed.data_received(data)
        if data := self._far.take(back):
            self._framed.data_received(data)

    def move_all(self) -> None:
        while self._near.written or self._far.written:
            self.move(1 << 20, 1 << 20)

    def cut(self) -> None:
        """What is under way is lost."""
        self._is_here = False
        self._near.abort()
        self._far.abort()
        self._attachment.framed.connection_lost(None)
        self._framed.connection_lost(None)

    def type(self, data: bytes) -> None:
        self._typed.append(data)
        self._send()

    def control(self, message: dict) -> None:
        self._framed.send_control(message)

    def _send(self) -> None:
        while self._is_here and (data := self._typed.take()):
            self._framed.send(data)

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        self.shown += data
        self._framed.send_control({"output": len(self.shown) + self.missed})

    def control_came(self, message: dict) -> None:
        self.told.append(message)
        if facts := message.get("attached"):
            self._number = facts["attachment"]
            if facts["missed"]:
                self.missed += facts["missed"]
            self._is_here = True
            self._typed.resume(facts["input"])
            self._send()
        elif "input" in message:
            self._typed.confirm(message["input"])

    def writable(self, yes: bool) -> None:
        """There is always room."""

    def ended(self, error: Exception | None) -> None:
        """The test knows."""


def a_session(*, window: float = 60.0) -> tuple[Session, MemoryProgram, list[Session]]:
    """A session on a program in memory, and the list of those that are gone."""
    gone: list[Session] = []
    session = Session(Facts("s1", "somebody", "login shell"), window=window, gone=gone.append)
    program = MemoryProgram()
    session.program = program
    return session, program, gone
