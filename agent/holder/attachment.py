"""One connection to a session: what comes over it, and whether it still counts."""

import asyncio
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.agent.holder.session import Ending, Session, Size
from kohakuriver.streams.stream import Framed

_SIDE_BUFFER: Final = 1 << 17  # bytes that may wait in a connection before output stays in the ring


class Attachment:
    """One connection to a session: what is `Attached`."""

    def __init__(self, session: Session, number: int) -> None:
        self.session = session
        self.number = number
        self.framed = Framed(self, masks=False)
        self.has_room = True
        self.knows_the_end = False
        self._is_finished = False

    def adopt(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=_SIDE_BUFFER)
        self.framed.adopt(transport)

    def finish(self, ending: Ending) -> None:
        """Tell how it ended, and close."""
        if not self._is_finished:
            self._is_finished = True
            self.framed.send_control(ending.control())
            self.framed.close()

    # What the connection tells.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        if self._is_current and data:
            self.session.typed(data)

    def control_came(self, message: dict[str, Any]) -> None:
        if not self._is_current:
            return
        match message:
            case {"output": int(offset)}:
                self.session.shown(offset)
            case {"resize": {"rows": int(rows), "cols": int(cols)}} if (
                0 < rows < 10_000 and 0 < cols < 10_000
            ):
                self.session.resize(Size(rows, cols))
            case {"hangup": _}:
                self.session.hang_up()
            case {"ping": int(token)} if self.has_room:  # else the output that waits is the sign of life
                self.framed.send_control({"pong": token})

    def writable(self, yes: bool) -> None:
        self.has_room = yes
        if self._is_current:
            self.session.writable(yes)

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        self.knows_the_end = self._is_finished and error is None
        self.session.left(self)

    @property
    def _is_current(self) -> bool:
        return self.session.attachment is self and not self._is_finished
