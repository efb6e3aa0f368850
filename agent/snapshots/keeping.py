"""Keeps the Snapshots of this node that have been taken: removes those that are deleted, and says of those
whose files somebody has taken away that they are lost.

An image of which a container was made stays in the engine until that is gone, under another name. What a
crash or a late commit has left half made is removed. An agent removes no files merely because the API does
not speak of them: it may be another cluster's, or one of before a backup.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from kohakuriver import errors, image_name
from kohakuriver.agent.runtime.base import COMMIT_CLUSTER_LABEL
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.agent.snapshots import due
from kohakuriver.agent.snapshots.takes import Takes
from kohakuriver.agent.snapshots.work import TAKING, Tools, clear
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import kinds
from kohakuriver.resources.snapshot import Phase

log = logging.getLogger(__name__)

EVERY: Final = 600.0  # seconds between looks at what is there
AGAIN: Final = 5.0  # seconds after something that did not work
GONE: Final = "gone"  # the tag of an image of a Snapshot that is deleted, while a container needs it

Json = dict[str, Any]


class Shelf:
    """The Snapshots of one node."""

    def __init__(
        self, client: Client, informer: Informer, *, tools: Tools, takes: Takes, ready: Callable[[], bool]
    ) -> None:
        self._client = client
        self._informer = informer
        self._tools = tools
        self._takes = takes
        self._ready = ready
        self._changed = asyncio.Event()
        self._looked: float | None = None  # when all of them were

    def look(self, *, at_all: bool = False) -> None:
        """Something may have changed; `at_all`: with those, too, of which nobody says so."""
        if at_all:
            self._looked = None
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            done = await self.step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY if done else AGAIN):
                    await self._changed.wait()

    async def step(self) -> bool:
        """Do what is due; whether nothing is left of it."""
        if not self._ready() or not self._informer.synced:
            return True  # somebody says when it is
        done = True
        for snapshot in self._informer:
            if due.is_deleted(snapshot) and not await self._try(self._remove, snapshot):
                done = False
        now = self._tools.clock.monotonic()
        if self._looked is None or now - self._looked >= EVERY:
            self._looked = now
            done = await self._look_at_all() and done
        return done

    async def _try(self, deed: Callable[[Json], Awaitable[bool]], snapshot: Json) -> bool:
        try:
            return await deed(snapshot)
        except (errors.KohakuRiverError, OSError, ValueError) as error:
            name = f"{snapshot['metadata'].get('namespace')}/{snapshot['metadata'].get('name')}"
            log.warning("a snapshot is not tended", extra={"snapshot": name, "error": str(error)})
            return False

    async def _remove(self, snapshot: Json) -> bool:
        """Its image and archives; then the API may forget it."""
        metadata = snapshot["metadata"]
        take = self._takes.of_snapshot(metadata["uid"])
        if take is not None:
            take.interrupt("the Snapshot is deleted", is_unwanted=True)
            return False
        await self._put_aside(metadata["uid"])
        await clear(self._tools, metadata["uid"])
        log.info("snapshot removed", extra={"snapshot": f"{metadata['namespace']}/{metadata['name']}"})
        with contextlib.suppress(errors.NotFound):
            await self._client.act(
                kinds.SNAPSHOT,
                metadata["name"],
                "finish",
                {"uid": metadata["uid"]},
                namespace=metadata["namespace"],
            )
        return True

    async def _put_aside(self, uid: str) -> None:
        """Where containers were made of its image, that goes with the last of them."""
        image = image_name.of_snapshot(uid)
        full = image_name.full(image)
        stock = {one.name: one for one in await self._tools.runtime.stock()}
        if full in stock and stock[full].is_used:
            await self._tools.runtime.tag(image, f"{image.rpartition(':')[0]}:{GONE}")

    async def _look_at_all(self) -> bool:
        try:
            names = set(await self._tools.runtime.images())
            done = True
            for snapshot in self._informer:
                done = await self._try(lambda one: self._look_at(one, names), snapshot) and done
            await self._sweep()
        except EngineError as error:
            log.warning("snapshots are not looked at", extra={"error": error.message})
            self._looked = None
            return False
        return done

    async def _look_at(self, snapshot: Json, names: set[str]) -> bool:
        """Whether all is there of one that is Ready; else it is said."""
        status, metadata = snapshot.get("status") or {}, snapshot["metadata"]
        if UNREADABLE in snapshot or due.is_deleted(snapshot) or status.get("phase") != Phase.READY:
            return True
        image, node = image_name.of_snapshot(metadata["uid"]), self._tools.settings.node
        missing = [] if image in names else [f"its image {image}"]
        for one in status.get("volumes") or ():
            file = self._tools.files.archive(metadata["uid"], one.get("name"), one["target"])
            if await asyncio.to_thread(_size, file) != one["size"]:
                missing.append(f"the archive {file}")
        if missing:
            words = f"{' and '.join(missing)} was removed or changed on node {node} from outside"
            body = {
                "metadata": {"uid": metadata["uid"]},
                "status": {"phase": Phase.LOST.value, "message": words[:2048]},
            }
            with contextlib.suppress(errors.NotFound):
                self._informer.overlay(
                    await self._client.patch(
                        kinds.SNAPSHOT,
                        metadata["name"],
                        body,
                        namespace=metadata["namespace"],
                        subresource="status",
                    )
                )
            log.warning("snapshot lost", extra={"snapshot": metadata["name"], "why": words})
        return True

    async def _sweep(self) -> None:
        """Remove images of this cluster that are half of a Snapshot, and those that no container needs any
        more."""
        for one in await self._tools.runtime.stock():
            own = image_name.own(one.name)
            if not own.startswith(image_name.SNAPSHOTS):
                continue
            if one.labels.get(COMMIT_CLUSTER_LABEL) != self._tools.settings.cluster:
                continue
            repository, _, tag = own.partition(":")
            is_under_way = any(
                image_name.of_snapshot(snapshot["metadata"]["uid"]).startswith(f"{repository}:")
                and due.is_due(snapshot)
                for snapshot in self._informer
            )
            if (tag == GONE and not one.is_used) or (tag.startswith(TAKING) and not is_under_way):
                with contextlib.suppress(EngineError):
                    await self._tools.runtime.remove_image(own)


def _size(file: Path) -> int | None:
    """None where there is no such file."""
    try:
        return file.stat().st_size
    except OSError:
        return None
