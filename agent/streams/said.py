"""Streams of control messages alone: one answer, or one after the other for as long as somebody listens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.streams.stream import Framed

Message = dict[str, Any]
Answer = Callable[[], Awaitable[Message]]
Messages = Callable[[], AsyncIterator[Message]]


class Told:
    """The messages are made once somebody is there to hear them, and none after they have gone."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        hearer = _Hearer()
        framed = Framed(hearer, masks=False)
        framed.adopt(transport, first)
        telling = asyncio.create_task(self._tell(framed, hearer), name="telling")
        try:
            await asyncio.wait((telling, hearer.over), return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            await hearer.over
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self, framed: Framed, hearer: "_Hearer") -> None:
        try:
            async for message in self._messages():
                if hearer.has_room:  # who does not read misses some, and keeps nothing here
                    framed.send_control(message)
        except errors.KohakuRiverError as error:
            framed.send_control({"error": errors.Unavailable(error.message, hint=error.hint).to_status()})
        framed.close()

    async def aclose(self) -> None:
        """Nothing is held."""


class Said(Told):
    """One answer, which is looked for once somebody is there to hear it, and the end."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(lambda: _once(answer))


async def _once(answer: Answer) -> AsyncIterator[Message]:
    yield await answer()


class _Hearer:
    """A receiver that says nothing: whether it has room for more, and when it has gone."""

    def __init__(self) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_room = True

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        """Nothing is asked of the client."""

    def control_came(self, message: Message) -> None:
        """Nor this way."""

    def writable(self, yes: bool) -> None:
        self.has_room = yes

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if not self.over.done():
            self.over.set_result(None)
