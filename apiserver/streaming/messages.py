"""The text messages among the frames of a stream that passes by; all other content is passed over."""

from typing import Final

from kohakuriver.streams.frames import BrokenFrame, Decoder, Opcode
from kohakuriver.streams.splice import Passed

LONGEST: Final = 1 << 14  # bytes of one that are kept, and one more to tell that it was longer


class Messages(Passed):
    """One direction of a stream; whoever extends it says in `take` what becomes of each message."""

    def __init__(self, *, masked: bool) -> None:
        super().__init__()
        self._decoder: Decoder | None = Decoder(masked=masked)
        self._text = bytearray()

    def add(self, data: bytes) -> None:
        super().add(data)
        if self._decoder is None:
            return
        try:
            for piece in self._decoder.feed(data):
                if piece.opcode is Opcode.TEXT:
                    self._collect(piece.data, ends=piece.ends)
        except BrokenFrame:
            self._decoder = None  # whoever it is for ends the stream for it

    def take(self, text: bytes) -> None:
        """A message has ended: its first `LONGEST` bytes, or one more where it was longer."""
        raise NotImplementedError

    def _collect(self, data: bytes, *, ends: bool) -> None:
        if len(self._text) <= LONGEST:
            self._text += data[: LONGEST + 1 - len(self._text)]
        if ends:
            text, self._text = bytes(self._text), bytearray()
            self.take(text)
