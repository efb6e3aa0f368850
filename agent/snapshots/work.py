"""Takes the files of one VPS for one Snapshot: room, hook, freeze, image and archives, thaw. Below taking.py,
which decides that, tells of it, and cancels it when something else is declared.

    room ─► before ─► frozen: commit beside tar, tar … ─► on the disk, under its own name
                      └── thawed whatever happens: by us, or by the program of guard.py

Nothing has its own name before all of it is there, so what a crash leaves is known as half made.
"""

import asyncio
import contextlib
import dataclasses
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from kohakuriver import errors, image_name, private_file, quantity
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.machine import facts
from kohakuriver.agent.room.gauge import Gauge
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import (
    COMMIT_CLUSTER_LABEL,
    Container,
    ContainerState,
    MountedVolume,
    Runtime,
)
from kohakuriver.agent.runtime.errors import EngineError, EngineRefused, NotFound, WrongState
from kohakuriver.agent.settings import Settings
from kohakuriver.agent.snapshots import archives, due, hooks
from kohakuriver.agent.snapshots.files import Files
from kohakuriver.agent.snapshots.guard import Guard
from kohakuriver.agent.snapshots.hooks import Hooks, Outcome
from kohakuriver.agent.snapshots.late import Commits, Note
from kohakuriver.agent.snapshots.losses import Losses, Lost
from kohakuriver.agent.snapshots.takes import Take
from kohakuriver.clock import Clock, timestamp
from kohakuriver.readable import NONSENSE
from kohakuriver.resources.snapshot import Volumes

log = logging.getLogger(__name__)

TAKING: Final = "taking-"  # before the token in the tag of an image that is half of a Snapshot
MEASURED_WITHIN: Final = 600.0  # seconds in which what volumes hold is counted
_MOST_FILES: Final = 1 << 40  # all of them
_EVERY: Final = 64 << 20  # bytes of an archive between looks at what is free
_TOLD_EVERY: Final = 5.0  # seconds
_PAUSES: Final = 5  # tries, this many seconds apart
_PAUSE_AGAIN: Final = 0.5
_ENDS_WITHIN: Final = 10.0  # seconds in which a tar that was killed is over

Json = dict[str, Any]
A = TypeVar("A")
B = TypeVar("B")


class NoRoom(errors.KohakuRiverError):
    """A disk has too little room for it."""


class Disturbed(errors.KohakuRiverError):
    """Something was done to the container from outside, so that its files are of no one moment."""


@dataclasses.dataclass(frozen=True)
class Tools:
    """What it works with."""

    settings: Settings
    clock: Clock
    runtime: Runtime
    roster: Roster
    files: Files
    commits: Commits
    gauge: Gauge
    disk: Callable[[str], facts.Disk | None]
    guard: Guard
    hooks: Hooks
    losses: Losses


class Work:
    """One Snapshot in the making."""

    def __init__(
        self,
        tools: Tools,
        take: Take,
        snapshot: Json,
        container: Container,
        *,
        vps: Mapping[str, Any],
        say: Callable[[str], Awaitable[None]],
        thawed: Callable[[], None],
    ) -> None:
        self.paused = 0.0  # seconds
        self.before: Outcome | None = None
        self.is_announced = (
            False  # whether the VPS has been told that it begins, and is to be told of its end
        )
        self._tools = tools
        self._take = take
        self._snapshot = snapshot
        self._spec = snapshot["spec"]
        self._uid = snapshot["metadata"]["uid"]
        self._container = container
        self._vps = vps  # its spec, as it is declared now
        self._say = say
        self._thawed = thawed
        self._handle = archives.Handle()
        self._written = 0  # bytes of archives
        self._names: Mapping[str, str] = {}  # of volumes in `spec.volumes`, by the engine's names

    async def run(self) -> Json:
        """Its status, once all of it is on the disk. Raises KohakuRiverError and OSError."""
        tools = self._tools
        container = self._container = await self._look()
        await clear(tools, self._uid)
        volumes, skipped = await self._volumes()
        layer, needed = await self._room(volumes)
        lost = await self._losses()
        self.before = await self._before()
        reference = f"{self._repository}:{TAKING}{secrets.token_hex(6)}"
        await self._note(Note(reference, facts.engine_run(tools.settings.docker), layer))
        await self._say("its files are being taken")
        async with self._held_still():
            taken_at = timestamp(tools.clock.now())
            _, packed = await _both(
                tools.commits.make(container.id, reference, self._marks), self._pack(volumes, needed)
            )
        self._take.has_them = True
        for one in volumes:
            await asyncio.to_thread(archives.settle, self._archive(one))
        await tools.runtime.tag(reference, image_name.of_snapshot(self._uid))
        await tools.runtime.remove_image(reference)
        await asyncio.to_thread(tools.files.note(self._uid).unlink, missing_ok=True)
        left_out = [
            *lost.sockets,
            *(
                f"{one.target.rstrip('/')}/{path}"
                for one, archive in zip(volumes, packed, strict=True)
                for path in archive.left_out
            ),
        ]
        named = left_out[: archives.MOST_NAMED]
        in_all = lost.sockets_in_all + sum(one.left_out_in_all for one in packed)
        lost = dataclasses.replace(lost, sockets_in_all=in_all)
        mounts = [one.target for one in labels.mounts(container)]
        return {
            "message": due.not_in_it(skipped, mounts, lost=lost, named=len(named)) or None,
            "takenAt": taken_at,
            "pausedMilliseconds": round(self.paused * 1000),
            "image": image_name.of_snapshot(self._uid),
            "base": labels.image_of(container),
            "size": layer + sum(archive.size for archive in packed),
            "volumes": [
                {
                    **({"name": name} if (name := self._names.get(one.name)) else {}),
                    "target": one.target,
                    "size": archive.size,
                    "digest": archive.digest,
                }
                for one, archive in zip(volumes, packed, strict=True)
            ],
            "leftOut": named or None,
        }

    async def after(self) -> Outcome | None:
        """Run the hook for after it, whether the files were taken or not."""
        take = self._take
        if not self.is_announced:
            return None
        try:
            _, command, within = hooks.read(self._vps.get("snapshots") or {})
        except NONSENSE:
            return None  # that was told of the one before
        if not command:
            return None
        if take.why_not and not take.is_unwanted:
            return Outcome(None, f"it was not run: {take.why_not}")
        try:
            found = await self._tools.runtime.inspect(self._container.id)
        except EngineError as error:
            return Outcome(None, f"it could not be run: {error.message}")
        if found is None or found.state is not ContainerState.RUNNING:
            return Outcome(None, "it was not run: the VPS does not run any more")
        return await self._hook(command, within)

    @property
    def _repository(self) -> str:
        return image_name.of_snapshot(self._uid).rpartition(":")[0]

    @property
    def _marks(self) -> dict[str, str]:
        container = self._container
        return {
            COMMIT_CLUSTER_LABEL: self._tools.settings.cluster,
            labels.SNAPSHOT_OF: self._take.vps,
            labels.COMMIT: str(labels.commit_number(container) + 1),
            labels.IMAGE: labels.image_of(container),
        }

    async def _volumes(self) -> tuple[list[MountedVolume], list[tuple[str, str]]]:
        """Those that are in it, and those that are not, with the names that they are declared by."""
        tools, is_skipped = self._tools, self._spec.get("volumes") == Volumes.SKIP
        try:
            found = await tools.runtime.volumes_of(self._container.id)
        except EngineRefused:
            if not is_skipped:
                raise
            return [], [("", "of the VPS")]
        if found:
            known = await tools.runtime.volumes()
            self._names = {one.name: one.labels.get(labels.VOLUME) or "" for one in known}
        if is_skipped:
            return [], [(self._names.get(one.name, ""), one.target) for one in found]
        if found:
            await asyncio.to_thread(archives.check)
        return list(found), []

    async def _room(self, volumes: list[MountedVolume]) -> tuple[int, int]:
        """Bytes of the image's layer and of the archives. Raises NoRoom and CannotMeasure."""
        tools, own = self._tools, self._tools.settings.data_dir
        await self._say("its files are being counted")
        layer = await tools.runtime.written(self._container.id)
        needed = 0
        if volumes:
            folders = [one.folder for one in volumes]
            amount = await tools.gauge.measure(folders, within=MEASURED_WITHIN, most=_MOST_FILES)
            needed = amount.size
        root = (await tools.runtime.info()).root_dir
        await asyncio.to_thread(private_file.make_folder, own)
        engine_disk, own_disk = await asyncio.to_thread(lambda: (tools.disk(root), tools.disk(str(own))))
        is_one = await asyncio.to_thread(_is_one_disk, root, str(own))
        short = due.short_of_room(engine_disk, own_disk, layer=layer, archives=needed, is_one_disk=is_one)
        if short:
            raise NoRoom(f"there is no room for it: {short}")
        return layer, needed

    async def _losses(self) -> Lost:
        """What the image will not hold, as far as the engine says where the container's files lie."""
        try:
            folder, *_ = await self._tools.runtime.folders(self._container.id, carried=0)
        except EngineRefused:
            return Lost()
        driver = (await self._tools.runtime.info()).storage_driver
        return await self._tools.losses.find(folder, driver=driver)

    async def _before(self) -> Outcome | None:
        if self._container.state is not ContainerState.RUNNING:
            return None
        self.is_announced = True
        try:
            command, _, within = hooks.read(self._vps.get("snapshots") or {})
        except NONSENSE:
            return Outcome(None, "spec.snapshots.hooks of the VPS cannot be read")
        if not command:
            return None
        await self._say("the hook before it runs")
        return await self._hook(command, within)

    async def _hook(self, command: list[str], within: float) -> Outcome:
        name = self._snapshot["metadata"]["name"]
        return await self._tools.hooks.run(self._container.id, command, snapshot=name, within=within)

    async def _note(self, note: Note) -> None:
        file = self._tools.files.note(self._uid)
        await asyncio.to_thread(private_file.write, file, note.written())

    @contextlib.asynccontextmanager
    async def _held_still(self) -> AsyncIterator[None]:
        """Nothing in it changes, where that is wished for: it is frozen by us, or as it is. Raises Disturbed
        where it turns out not to have been so."""
        before = await self._look()
        is_still = before.state is not ContainerState.RUNNING
        if is_still or not self._spec.get("pause", True):
            yield
            if is_still and await self._is_otherwise(before, before.state):
                raise Disturbed("its container was started, stopped or paused while its files were taken")
            return
        async with self._frozen():
            yield
            if await self._is_otherwise(before, ContainerState.PAUSED):
                raise Disturbed("its container was thawed by somebody else while its files were taken")

    @contextlib.asynccontextmanager
    async def _frozen(self) -> AsyncIterator[None]:
        tools, take = self._tools, self._take
        watcher = await tools.guard.begin(self._container.id)
        began = tools.clock.monotonic()
        take.is_frozen = True
        is_thawed = False
        try:
            began = await self._pause()
            yield
        finally:
            is_thawed = await asyncio.shield(asyncio.ensure_future(self._thaw()))
            self.paused = tools.clock.monotonic() - began
            await watcher.dismiss(thawed=is_thawed)
            with contextlib.suppress(EngineError):
                tools.roster.put(await self._look())
            self._thawed()

    async def _pause(self) -> float:
        """Freeze it; since when, by our clock. A kernel that is busy may not get to all of its processes in
        time: it is asked again."""
        attempt = 1
        while True:
            began = self._tools.clock.monotonic()
            try:
                await self._tools.runtime.pause(self._container.id)
            except WrongState:
                found = await self._look()
                if attempt == _PAUSES or found.state is not ContainerState.RUNNING:
                    raise
            else:
                return began
            attempt += 1
            await asyncio.sleep(_PAUSE_AGAIN)

    async def _thaw(self) -> bool:
        if self._take.stays_frozen:
            return True
        try:
            await self._tools.runtime.unpause(self._container.id)
        except (WrongState, NotFound):
            return True  # it has ended
        except EngineError as error:
            extra = {"container": self._container.name, "error": error.message}
            log.warning("it was not thawed, and a program beside the agent sees to it", extra=extra)
            return False
        return True

    async def _look(self) -> Container:
        found = await self._tools.runtime.inspect(self._container.id)
        if found is None:
            raise NotFound("the engine has no such container")
        if found.state in (ContainerState.REMOVING, ContainerState.RESTARTING):
            raise EngineRefused(f"its container is {found.state}")
        return found

    async def _is_otherwise(self, before: Container, state: ContainerState) -> bool:
        found = await self._look()
        return found.state is not state or found.started_at != before.started_at

    def _archive(self, volume: MountedVolume) -> Path:
        name = self._names.get(volume.name) or None
        return self._tools.files.archive(self._uid, name, volume.target)

    async def _pack(self, volumes: list[MountedVolume], needed: int) -> list[archives.Packed]:
        async with self._telling(needed):
            return [await self._write(one) for one in volumes]

    @contextlib.asynccontextmanager
    async def _telling(self, needed: int) -> AsyncIterator[None]:
        """How far the archives are is said now and then."""

        async def tell() -> None:
            while True:
                await asyncio.sleep(_TOLD_EVERY)
                done, whole = (quantity.approximate_size(size) for size in (self._written, needed))
                await self._say(f"its volumes are being packed: {done} of about {whole}")

        telling = asyncio.create_task(tell(), name=f"progress of {self._take.snapshot}")
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _write(self, volume: MountedVolume) -> archives.Packed:
        """Write its archive, but for the end of it, which nobody need be frozen for."""
        tools, checked, before = self._tools, 0, self._written

        def progress(size: int) -> None:
            nonlocal checked
            self._written = before + size
            if size - checked < _EVERY:
                return
            checked = size
            disk = tools.disk(str(tools.settings.data_dir))
            if disk is not None and disk.free < due.SPARE:
                spare = quantity.approximate_size(due.SPARE)
                raise NoRoom(f"there is no room for it: {spare} must stay free, and there are {disk.words}")

        writing = asyncio.ensure_future(
            asyncio.to_thread(
                archives.write,
                Path(volume.folder),
                self._archive(volume),
                progress=progress,
                handle=self._handle,
            )
        )
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            self._handle.end()
            await asyncio.wait({writing}, timeout=_ENDS_WITHIN)
            if writing.done():
                writing.exception()
            raise


async def clear(tools: Tools, uid: str) -> None:
    """Remove what there is of a Snapshot, half made or whole, but for the image's other names."""
    await asyncio.to_thread(archives.remove_tree, tools.files.folder(uid))
    whole = image_name.of_snapshot(uid)
    half = f"{whole.rpartition(':')[0]}:{TAKING}"
    for reference in await tools.runtime.images():
        if reference == whole or reference.startswith(half):
            await tools.runtime.remove_image(reference)


async def _both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """What both come to, side by side. Where one fails, or nobody waits any more, the other is ended."""
    one, other = asyncio.create_task(first), asyncio.create_task(second)
    try:
        done, _ = await asyncio.wait({one, other}, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        return one.result(), other.result()
    finally:
        one.cancel()
        other.cancel()
        await asyncio.gather(one, other, return_exceptions=True)


def _is_one_disk(first: str, second: str) -> bool:
    try:
        return Path(first).stat().st_dev == Path(second).stat().st_dev
    except OSError:
        return False
