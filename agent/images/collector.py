"""Removes images that nobody uses while the engine's disk is nearly full, one at a time.

deciding/unused.py says which. The engine has the last word: it keeps what any container was made of.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Set
from typing import Final

from kohakuriver import image_name, quantity
from kohakuriver.agent.deciding import unused
from kohakuriver.agent.deciding.unused import Marks
from kohakuriver.agent.images.environments import Environments
from kohakuriver.agent.images.images import Images
from kohakuriver.agent.images.stock import Stock
from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.errors import EngineError, EngineRefused, WrongState
from kohakuriver.client.rest import Object
from kohakuriver.readable import UNREADABLE

log = logging.getLogger(__name__)


def needed(
    vpses: Iterable[Object], roster: Roster, environments: Environments, images: Images
) -> frozenset[str]:
    """The full names of the images that something here may yet be made of."""
    names = {entry.desired.image for entry in roster} | environments.images | images.wanted
    names |= {str((vps.get("spec") or {}).get("image") or "") for vps in vpses if UNREADABLE not in vps}
    names |= {note.image for entry in roster if (note := entry.memory.durable.recreation) is not None}
    return frozenset(image_name.full(name) for name in names if name)


EVERY: Final = 60.0  # seconds between looks at the disk


class Collector:
    """The images of one node."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        stock: Stock,
        marks: Marks,
        cluster: str,
        look: Callable[[], Awaitable[Disk | None]],
        ready: Callable[[], bool],
        needed: Callable[[], Set[str]],
        uids: Callable[[], Set[str]],
        told: Callable[[str], None],
    ) -> None:
        self._runtime = runtime
        self._stock = stock
        self._marks = marks
        self._cluster = cluster
        self._look = look
        self._ready = ready
        self._needed = needed
        self._uids = uids
        self._told = told
        self._collecting = False
        self._kept: set[str] = set()  # names that the engine would not let go, until the next look

    async def run(self) -> None:
        while True:
            self._kept.clear()
            while await self.step():
                pass
            await asyncio.sleep(EVERY)

    async def step(self) -> bool:
        """Remove one image, if one has to go and one may; whether it was tried."""
        disk = await self._look() if self._ready() else None
        if disk is None or not disk.total:
            return False
        used = 1 - disk.free / disk.total
        self._collecting = unused.is_collecting(self._marks, used, before=self._collecting)
        if not self._collecting:
            return False
        try:
            return await self._remove_one(disk)
        except EngineError as error:
            log.warning("images are not collected", extra={"error": error.message})
            return False

    async def _remove_one(self, disk: Disk) -> bool:
        stock = await self._runtime.stock()
        one = unused.next_to_go(
            [image for image in stock if image.name not in self._kept],
            self._stock.fetched,
            needed=self._needed(),
            uids=self._uids(),
            cluster=self._cluster,
        )
        if one is None:
            return False
        self._kept.add(one.name)
        try:
            await self._runtime.remove_image(one.name)
        except (
            EngineRefused,
            WrongState,
        ) as error:  # it may be needed by another image, or by a container since
            log.info("image not removed", extra={"image": one.name, "error": error.message})
            return True
        self._stock.forget(one.name)
        size = quantity.approximate_size(one.size)
        log.info("image removed", extra={"image": one.name, "size": size, "disk": disk.words})
        self._told(f"removed the image {one.name} ({size}), which nothing here uses: {disk.words}")
        return True
