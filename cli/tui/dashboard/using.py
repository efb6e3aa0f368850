"""What VPSes use at this moment, as `top` shows it: asked now and then, of those in sight, few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.resources.view import VPS

Object = dict[str, Any]
Ask = Callable[[Object], Awaitable[dict[str, Any]]]

EVERY: Final = 5.0  # seconds between two rounds
MOST: Final = 24  # VPSes asked in a round
_AT_ONCE: Final = 4
_SOON: Final = 1.0  # seconds until it is looked again whether there is anything to ask about
_MIB: Final = 1 << 20


class Using:
    """`in_sight`: the VPSes that the screen shows now; none while it shows something else."""

    def __init__(
        self, ask: Ask, in_sight: Callable[[], Sequence[Object]], changed: Callable[[], None]
    ) -> None:
        self._ask, self._in_sight, self._changed = ask, in_sight, changed
        self._known: dict[str, str] = {}

    def of(self, vps: Object) -> str:
        """`uses 0.12, 84Mi`: cores, and memory without droppable cache; "" where that is not known."""
        return self._known.get(str(vps["metadata"]["uid"]), "") if _runs(vps) else ""

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(EVERY if self._known else _SOON)

    async def step(self) -> None:
        """One round. What is no longer asked about is forgotten, so that nothing old is shown as new."""
        vpses = [vps for vps in self._in_sight() if _runs(vps)][:MOST]
        turn = asyncio.Semaphore(_AT_ONCE)
        found = dict(await asyncio.gather(*(self._one(vps, turn) for vps in vpses)))
        if found != self._known:
            self._known = found
            self._changed()

    async def _one(self, vps: Object, turn: asyncio.Semaphore) -> tuple[str, str]:
        async with turn:
            try:
                words = in_words(await self._ask(vps))
            except errors.KohakuRiverError:
                words = ""  # the link says so elsewhere
        return str(vps["metadata"]["uid"]), words


def in_words(stats: dict[str, Any]) -> str:
    return f"uses {stats['cores']:.2f}, {int(stats['memory']) // _MIB}Mi"


def _runs(vps: Object) -> bool:
    return VPS.of(vps).word == "running"
