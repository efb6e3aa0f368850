"""How long the sessions of each VPS are kept when nobody is attached; holders are told of changes."""

import asyncio
from typing import Any, Final

from kohakuriver import durations
from kohakuriver.agent.streams.holders import Holders
from kohakuriver.client.watch import Informer, ObjectKey

DEFAULT: Final = 86_400.0  # seconds, where the server wrote none


class Windows:
    """Those of the VPSes on this node."""

    def __init__(self, vpses: Informer, holders: Holders) -> None:
        self._vpses = vpses
        self._holders = holders
        self._told: dict[ObjectKey, tuple[str, float]] = {}
        self._changed: asyncio.Queue[ObjectKey] = asyncio.Queue()

    def hear(self, key: ObjectKey) -> None:
        """Something about this VPS may have changed."""
        vps = self._vpses.get(key)
        if vps is None:
            self._told.pop(key, None)
        elif (vps["metadata"]["uid"], window(vps)) != self._told.get(key):
            self._changed.put_nowait(key)

    def of(self, key: ObjectKey) -> float:
        """In seconds."""
        vps = self._vpses.get(key)
        return window(vps) if vps is not None else DEFAULT

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.step(await self._changed.get())

    async def step(self, key: ObjectKey) -> None:
        """Tell the holders of one change. What was never told needs no telling: a session brings it along."""
        vps = self._vpses.get(key)
        if vps is None:
            return
        now = vps["metadata"]["uid"], window(vps)
        before, self._told[key] = self._told.get(key), now
        if before is not None and before != now:
            await self._holders.set_window(*now)


def window(vps: dict[str, Any]) -> float:
    """As the spec says, in seconds."""
    found = ((vps.get("spec") or {}).get("sessions") or {}).get("detachedFor")
    return DEFAULT if found is None else durations.parse(found)
