"""Input that the other side has not confirmed, by its offsets: sent again when a connection broke. Pure."""

MOST = 1 << 18  # bytes at which whoever types has to wait
PIECE = 1 << 14  # bytes sent at a time


class Unconfirmed:
    """Grows at its end as people type, shrinks at its start as input is confirmed."""

    def __init__(self) -> None:
        self._start = 0  # the offset of the first byte that is kept
        self._sent = 0  # the offset of the next byte to send
        self._kept = bytearray()

    @property
    def has_room(self) -> bool:
        return len(self._kept) < MOST

    def append(self, data: bytes) -> None:
        self._kept += data

    def confirm(self, offset: int) -> None:
        """The other side has everything before that offset. It can only have what was sent."""
        taken = min(offset, self._sent) - self._start
        if taken > 0:
            del self._kept[:taken]
            self._start += taken

    def resume(self, offset: int) -> None:
        """A new connection, on which the other side has everything before that offset."""
        if offset < self._start or offset > self._start + len(self._kept):
            self._start, self._sent = offset, offset  # a session that somebody else typed into
            return
        self._sent = offset
        self.confirm(offset)

    def take(self) -> bytes:
        """The next bytes to send; none where all are sent."""
        begin = self._sent - self._start
        data = bytes(self._kept[begin : begin + PIECE])
        self._sent += len(data)
        return data
