"""A small terminal that answers whatever a terminal may be asked. Reads byte by byte, as DEC's parser does.

It shares the table of queries with the product, and nothing of how that finds them.
"""

import enum

from kohakuriver.agent.holder.queries import ANNOUNCED, ENQ, is_query

ENDS = {0x50: "DCS", 0x58: "SOS", 0x5D: "OSC", 0x5E: "PM", 0x5F: "APC"}


class State(enum.Enum):
    """Where in a sequence it is."""

    GROUND = enum.auto()
    ESCAPE = enum.auto()
    CSI = enum.auto()
    STRING = enum.auto()


class Answering:
    """What was typed by it, and what it has done besides."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []  # the questions, that is
        self.done: list[bytes] = []  # what was printed and obeyed, but for questions and what does nothing
        self._state = State.GROUND
        self._sequence = bytearray()
        self._lead = False  # 0xC2 came, which may begin a C1 control

    def feed(self, data: bytes) -> None:
        for byte in data:
            if self._lead:
                self._lead = False
                if 0x80 <= byte <= 0x9F:
                    self._one(0x1B)
                    self._one(byte - 0x40)
                    continue
                self._one(0xC2)
            if byte == 0xC2:
                self._lead = True
            else:
                self._one(byte)

    def _one(self, byte: int) -> None:
        if byte == 0x1B:
            self._escape()
        elif byte in (0x18, 0x1A):
            self._end_string()
            self._state = State.GROUND
        elif self._state is State.STRING:
            self._in_string(byte)
        elif byte < 0x20 or byte == 0x7F:
            self._control(byte)
        elif self._state is State.GROUND:
            self.done.append(bytes((byte,)))
        else:
            self._in_sequence(byte)

    def _escape(self) -> None:
        self._end_string()
        self._state, self._sequence = State.ESCAPE, bytearray(b"\x1b")

    def _in_string(self, byte: int) -> None:
        if byte == 0x07 and self._sequence[1] == 0x5D:
            self._end_string()
            self._state = State.GROUND
        elif byte >= 0x20 and byte != 0x7F:
            self._sequence.append(byte)

    def _in_sequence(self, byte: int) -> None:
        self._sequence.append(byte)
        if self._state is State.ESCAPE and len(self._sequence) == 2:
            if byte == 0x5B:
                self._state = State.CSI
                return
            if byte in ENDS:
                self._state = State.STRING
                return
        if byte >= 0x80:
            self._state = State.GROUND  # no sequence at all
        elif byte >= (0x40 if self._state is State.CSI else 0x30):
            self._state = State.GROUND
            self._obey(bytes(self._sequence))

    def _end_string(self) -> None:
        """Some terminals obey a string that something else than its end has ended."""
        if self._state is State.STRING:
            self._obey(bytes(self._sequence))

    def _control(self, byte: int) -> None:
        if byte == ENQ[0]:
            self.answers.append(ENQ)
        elif byte != 0 and byte != 0x7F:
            self.done.append(bytes((byte,)))

    def _obey(self, plain: bytes) -> None:
        if is_query(plain):
            self.answers.append(plain)
        elif plain.startswith(b"\x1b[?") and plain[-1:] in (b"h", b"l"):
            for number in plain[3:-1].split(b";"):
                if number.isdigit() and int(number) in ANNOUNCED and plain.endswith(b"h"):
                    self.answers.append(number)
        elif plain != b"\x1b\\":
            self.done.append(plain)
