"""The messages of Kubernetes' WebSocket protocols `v4.channel.k8s.io` and `v5.channel.k8s.io`, without I/O.

The first byte of each message says its channel. In v5 a message of channel 255 closes the channel that it
names, so that a client can end its input. Content is handed on as it comes, not when its message is whole.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

V4: Final = "v4.channel.k8s.io"
V5: Final = "v5.channel.k8s.io"
PROTOCOLS: Final = (V5, V4)

STDIN, STDOUT, STDERR, STATUS, RESIZE = range(5)
_CLOSES: Final = 255


class Part(NamedTuple):
    """Some bytes of a channel; `ends` with the last of a message."""

    channel: int
    data: bytes
    ends: bool


class Closed(NamedTuple):
    """The client sends nothing more on this channel."""

    channel: int


class Reader:
    """What the client sent, channel by channel."""

    def __init__(self, protocol: str) -> None:
        self._closes = protocol == V5
        self._channel: int | None = None  # of the message under way

    def feed(self, data: bytes, *, ends: bool) -> Iterator[Part | Closed]:
        """What is in the next bytes of a message; `ends` with its last."""
        if self._channel is None:
            if not data:
                return  # a message without a channel says nothing
            self._channel, data = data[0], data[1:]
        channel = self._channel
        if ends:
            self._channel = None
        if channel == _CLOSES and self._closes:
            yield from (Closed(number) for number in data[:1])
        else:
            yield Part(channel, data, ends)


def message(channel: int, data: bytes) -> bytes:
    """One message, for the client."""
    return bytes((channel,)) + data
