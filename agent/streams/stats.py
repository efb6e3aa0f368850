"""What a VPS uses: two readings of the engine, a moment apart; with `follow`, on while somebody listens.

Nothing is kept between questions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.usage import Usage, usage
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.agent.streams.said import Told
from kohakuriver.clock import Clock

BETWEEN: Final = 1.0  # seconds from one reading to the next
BETWEEN_FOLLOWED: Final = 2.0  # where somebody looks on: each reading costs the engine some milliseconds


class Stats:
    """The door."""

    def __init__(self, engine: EngineSocket, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def open(self, opening: Opening) -> Opened:
        container, follows = opening.container.id, opening.flag("follow")
        return Told(lambda: self._readings(container, follows=follows))

    async def _readings(self, container: str, *, follows: bool) -> AsyncIterator[dict[str, Any]]:
        before, began = await usage(self._engine, container), self._clock.monotonic()
        pause = BETWEEN  # the first comes soon
        while True:
            await asyncio.sleep(pause)
            now, ended = await usage(self._engine, container), self._clock.monotonic()
            yield {"stats": _used(before, now, seconds=ended - began)}
            if not follows:
                return
            before, began, pause = now, ended, BETWEEN_FOLLOWED


def _used(before: Usage, now: Usage, *, seconds: float) -> dict[str, Any]:
    """By one second, what is counted; what a restart has begun to count anew reads as nothing."""

    def rate(name: str) -> float:
        return max(float(getattr(now, name)) - float(getattr(before, name)), 0.0) / seconds

    bytes_each = {name: round(rate(name)) for name in ("received", "sent", "read", "written")}
    cores = round(rate("cpu_seconds"), 3)
    return {"cores": cores, "memory": now.memory, "processes": now.processes, **bytes_each}
