"""A stream that is one answer: a control message, and the end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.streams.stream import Framed

Answer = Callable[[], Awaitable[dict[str, Any]]]


class Said:
    """The answer is looked for once somebody is there to hear it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        framed = Framed(_Deaf(ended), masks=False)
        framed.adopt(transport, first)
        try:
            framed.send_control(await self._answer())
        except errors.KohakuRiverError as error:
            framed.send_control({"error": errors.Unavailable(error.message, hint=error.hint).to_status()})
        framed.close()
        await ended

    async def aclose(self) -> None:
        """Nothing is held."""


class _Deaf:
    """A receiver that only waits for the end."""

    def __init__(self, over: "asyncio.Future[None]") -> None:
        self._over = over

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        """Nothing is asked of the client."""

    def control_came(self, message: dict[str, Any]) -> None:
        """Nor this way."""

    def writable(self, yes: bool) -> None:
        """It is short."""

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if not self._over.done():
            self._over.set_result(None)
