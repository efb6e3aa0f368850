"""What a VPS uses: two readings of the engine's, a moment apart. Nothing is kept between questions."""

import asyncio
from typing import Any, Final

from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.usage import usage
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.agent.streams.said import Said
from kohakuriver.clock import Clock

BETWEEN: Final = 1.0  # seconds


class Stats:
    """The door."""

    def __init__(self, engine: EngineSocket, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def open(self, opening: Opening) -> Opened:
        return Said(lambda: self._read(opening.container.id))

    async def _read(self, container: str) -> dict[str, Any]:
        before, began = await usage(self._engine, container), self._clock.monotonic()
        await asyncio.sleep(BETWEEN)
        now, took = await usage(self._engine, container), self._clock.monotonic() - began
        cores = max(now.cpu_seconds - before.cpu_seconds, 0.0) / took
        return {"stats": {"cores": round(cores, 3), "memory": now.memory, "processes": now.processes}}
