"""The size of a terminal, which its client says over the connection; what runs in it begins with that."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Final

from kohakuriver import errors
from kohakuriver.apiserver.kubelet.client import Client, Resized, Said, Typed
from kohakuriver.streams.stream import CONTROL_COUNTS

SAYS_SIZE_WITHIN: Final = 1.0  # seconds, once the connection stands; some clients never say one
_MOST: Final = 1 << 16  # bytes of input that are kept meanwhile


@dataclasses.dataclass(frozen=True, slots=True)
class Beginning:
    """What a client did before anything ran: the size that it said, if any, and what else, in order."""

    size: Resized | None
    said: Sequence[Said]

    @property
    def query(self) -> dict[str, list[str]]:
        """The size, as one of our streams is asked for with it."""
        size = self.size
        return {"rows": [str(size.rows)], "cols": [str(size.cols)]} if size is not None else {}


async def beginning(client: Client) -> Beginning:
    """What the client does until it has said its size, or has had its time. Raises Unreachable where it goes
    and has typed nothing.

    Input may come before the size, for clients send the two side by side: it is kept for what will run.
    """
    said: list[Said] = []
    weight = 0
    try:
        async with asyncio.timeout(SAYS_SIZE_WITHIN):
            while weight < _MOST:
                match one := await client.receive():
                    case None if said:
                        break
                    case None:
                        raise errors.Unreachable("the client has gone")
                    case Resized():
                        return Beginning(one, said)
                    case Typed(data):
                        weight += len(data)
                said.append(one)
                weight += CONTROL_COUNTS
    except TimeoutError:
        pass
    return Beginning(None, said)
