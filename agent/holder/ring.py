"""The last bytes of an endless row, by their offsets. Pure."""

import collections
import itertools
from typing import Final

_BLOCK: Final = 4096  # small pieces are put together up to this size


class Ring:
    """Grows at its end; its beginning is dropped as it is told to."""

    def __init__(self) -> None:
        self.start = 0  # the offset of the first byte that is kept
        self.end = 0  # the offset of the next byte to come
        self._blocks: collections.deque[bytearray | bytes] = collections.deque()

    def append(self, data: bytes) -> None:
        last = self._blocks[-1] if self._blocks else b""
        if isinstance(last, bytearray) and len(last) + len(data) <= _BLOCK:
            last += data
        elif data:
            self._blocks.append(bytearray(data) if len(data) < _BLOCK else data)
        self.end += len(data)

    def drop_before(self, offset: int) -> None:
        """Let go of whole blocks before that offset."""
        while self._blocks and self.start + len(self._blocks[0]) <= offset:
            self.start += len(self._blocks.popleft())

    def replace_from(self, offset: int, data: bytes) -> None:
        """Other bytes, as many, for those that are kept from that offset on."""
        behind = self.end
        while behind > offset:
            block = self._blocks.pop()
            behind -= len(block)
            if behind < offset:
                self._blocks.append(bytes(block[: offset - behind]))
                behind = offset
        self._blocks += [data[place : place + _BLOCK] for place in range(0, len(data), _BLOCK)]

    def read(self, offset: int, most: int) -> bytes:
        """Bytes from that offset on, as many as lie together; none at the end."""
        behind = self.end
        for index in range(len(self._blocks) - 1, -1, -1):  # readers are near the end
            behind -= len(self._blocks[index])
            if behind <= offset:
                return self._joined(index, offset - behind, most)
        return b""

    def _joined(self, index: int, skip: int, most: int) -> bytes:
        found = bytearray()
        for block in itertools.islice(self._blocks, index, None):
            found += block[skip : skip + most - len(found)]
            skip = 0
            if len(found) >= most:
                break
        return bytes(found)
