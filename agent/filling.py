"""Has the volumes of a VPS hold what a Snapshot has of them, before a container is made with it.

    plan ─► (journal) ─► unpack beside each ─► all in place ─► (journal) ─► create ─► start ─► settle
                             └───────────────── put back ◄────────┴────────────┘

Each step is a decision of judge.py on what is noted, so that a crash anywhere is followed by the next step.
What was in the volumes stays beside them until the new container has run (snapshots/places.py). Above
context.py; recreate.py and containers.py ask which volumes there are.
"""

import asyncio
import contextlib
import dataclasses
import functools
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from kohakuriver import durations, errors, quantity
from kohakuriver.agent.context import Node
from kohakuriver.agent.deciding import labels, news
from kohakuriver.agent.deciding.actions import Tell
from kohakuriver.agent.deciding.memory import Fill, Filling
from kohakuriver.agent.roster import Entry
from kohakuriver.agent.runtime.base import EngineVolume
from kohakuriver.agent.runtime.errors import EngineError, EngineRefused
from kohakuriver.agent.snapshots import archives
from kohakuriver.agent.snapshots.files import Files
from kohakuriver.agent.snapshots.jobs import Job
from kohakuriver.agent.snapshots.places import Place, is_empty
from kohakuriver.agent.volumes import Volumes

log = logging.getLogger(__name__)

SPARE: Final = 64 << 20  # bytes that must be left free
QUICK: Final = 1.0  # seconds that it is waited for on the spot; then it is looked at again and again
LOOK_AGAIN: Final = 1.0
PATIENCE: Final = 6 * 3600.0  # seconds, as for a commit: a VPS that is down for longer is worse off
FILLING, SETTLING = "filling", "settling"  # kinds of jobs


def _free(folder: Path) -> int:
    """Bytes on the disk of a folder."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class SnapshotUnusable(EngineRefused):
    """What this node has of a Snapshot is not what was taken."""


class Filler:
    """The fillings of one node."""

    def __init__(self, node: Node, *, free: Callable[[Path], int] = _free) -> None:
        self._node = node
        self._free = free
        self._files = Files(node.settings.data_dir)
        self._volumes = Volumes(node.runtime, cluster=node.settings.cluster, node=node.settings.node)

    async def fill(self, entry: Entry) -> None:
        """The next step of it. Raises EngineError where a first container waits for it; where one is to be
        replaced that word is passed over."""
        try:
            await self._step(entry)
        except (EngineRefused, archives.ArchiveError, OSError) as error:
            await self._node.jobs.end(entry.desired.uid)  # nothing of it may touch the volumes any more
            entry.memory = dataclasses.replace(entry.memory, copying_until=0.0)
            if _replaced(entry) is None:
                raise _refusal(error, entry.desired.snapshot) from error
            pass_over(self._node, entry, _words(error))

    async def put_back(self, entry: Entry) -> None:
        """Its volumes hold what they held before. Raises EngineError; not where the VPS goes anyway."""
        note, uid = entry.memory.durable.filling, entry.desired.uid
        await self._node.jobs.end(uid)
        for one in note.volumes if note is not None else ():
            try:
                await self._put_back(one, note.id if note is not None else "")
            except (EngineError, archives.ArchiveError, OSError) as error:
                if not entry.desired.deleting:
                    raise EngineRefused(f"volume {one.name or one.target}: {_words(error)}") from error
                log.warning("a volume is left as it is", extra={"volume": one.volume, "error": str(error)})
        entry.memory = entry.memory.noting(filling=None)

    async def settle(self, entry: Entry) -> None:
        """What was in its volumes before goes, in the background. Raises EngineError."""
        note, uid = entry.memory.durable.filling, entry.desired.uid
        if note is None:
            return
        job = self._node.jobs.of(uid, SETTLING)
        if job is None:
            await self._node.jobs.end(uid)
            places = [place for _, place in await self._places(note, entry, made=False)]
            job = self._node.jobs.begin(uid, SETTLING, entry.desired.namespace, lambda _: _settle(places))
        try:
            done = await job.ended(within=QUICK)
        except (errors.KohakuRiverError, OSError) as error:
            self._node.jobs.forget(uid)
            log.warning(
                "what volumes held before is not removed", extra={"vps": str(entry.key), "error": str(error)}
            )
            done = True  # it goes with the volume
        if done:
            self._node.jobs.forget(uid)
            entry.memory = entry.memory.noting(filling=None)
        look = self._node.clock.monotonic() + LOOK_AGAIN
        entry.memory = dataclasses.replace(entry.memory, copying_until=0.0 if done else look, copying="")

    async def is_whole(self, entry: Entry) -> bool:
        """Whether the volumes that were filled are there. Those that nobody named go with a container that
        never ran: then they are filled once more."""
        note = entry.memory.durable.filling
        if note is None or note.has_run or not note.volumes:
            return True
        there = {volume.name for volume in await self._node.runtime.volumes()}
        if all(one.volume in there for one in note.volumes):
            return True
        entry.memory = entry.memory.noting(filling=dataclasses.replace(note, in_place=False))
        return False

    async def _step(self, entry: Entry) -> None:
        note, uid = entry.memory.durable.filling, entry.desired.uid
        if note is None:
            await self._plan(entry)
            return
        job, within = self._node.jobs.of(uid, FILLING), 0.0
        if job is None:
            await self._node.jobs.end(uid)
            places = await self._places(note, entry)
            job = self._node.jobs.begin(
                uid, FILLING, entry.desired.namespace, lambda job: self._carry_out(job, note, places)
            )
            within = QUICK
        if not await job.ended(within=within):
            self._look_again(entry, job, note)
            return
        self._node.jobs.forget(uid)
        if job.complaints:
            said = f"not all of its volumes is as in Snapshot {note.title}: {'; '.join(job.complaints[:3])}"
            self._node.tell(entry, Tell("Warning", "VolumesIncomplete", said))
        log.info("volumes are as in the snapshot", extra={"vps": str(entry.key), "snapshot": note.title})
        entry.memory = entry.memory.noting(filling=dataclasses.replace(note, in_place=True))
        entry.memory = dataclasses.replace(entry.memory, copying_until=0.0)

    def _look_again(self, entry: Entry, job: Job, note: Filling) -> None:
        if self._node.jobs.lasts(job) > PATIENCE:
            job.handle.end()
            raise EngineRefused(f"its volumes were not brought back within {durations.age(PATIENCE)}")
        said = f"its volumes are brought back from Snapshot {note.title}"
        entry.memory = dataclasses.replace(
            entry.memory,
            copying_until=self._node.clock.monotonic() + LOOK_AGAIN,
            copying=f"{said}: {job.said}" if job.said else said,
        )

    async def _plan(self, entry: Entry) -> None:
        """Note which volumes get which files: keeper.py writes it to the journal before the next step."""
        desired, old = entry.desired, _replaced(entry)
        await self._volumes.claim(desired)
        taken = {volume.target for volume in desired.volumes} | {mount.target for mount in desired.mounts}
        declared = {volume.name for volume in desired.volumes}
        fills = list[Fill]()
        for kept in desired.around.kept:
            if kept.name in declared:
                volume = self._name(entry, kept.name)
            elif kept.name or kept.target in taken:
                continue
            else:
                volume = secrets.token_hex(32)  # as the engine names those that nobody named
            fills.append(Fill(volume, kept.name, kept.target, kept.size, kept.digest))
        full = await self._full(fills) if old is None else []
        if full:
            self._node.tell(entry, Tell("Warning", "VolumesKept", _left_alone(entry, full)))
        undeclared = [one.name for one in desired.around.kept if one.name and one.name not in declared]
        if undeclared:
            said = (
                f"Snapshot {desired.snapshot} has volumes that spec.volumes does not name, so they are not "
                f"brought back: {', '.join(undeclared)}"
            )
            self._node.tell(entry, Tell("Warning", "VolumesLeftOut", said))
        note = Filling(
            id=secrets.token_hex(4),
            snapshot=desired.around.snapshot_uid,
            title=desired.snapshot,
            image=desired.image,
            word=desired.replace_files,
            old=old or "",
            volumes=tuple(one for one in fills if one not in full),
        )
        entry.memory = entry.memory.noting(filling=dataclasses.replace(note, in_place=not note.volumes))

    async def _full(self, fills: Sequence[Fill]) -> list[Fill]:
        """Those of which the engine has a volume with files in it."""
        there = {volume.name for volume in await self._node.runtime.volumes()}
        full = []
        for one in fills:
            folder = await self._node.runtime.volume_folder(one.volume) if one.volume in there else None
            if folder is not None and not await asyncio.to_thread(is_empty, Path(folder)):
                full.append(one)
        return full

    async def _places(self, note: Filling, entry: Entry, *, made: bool = True) -> list[tuple[Fill, Place]]:
        """Where each volume lies; `made` where there is none."""
        found = []
        for one in note.volumes:
            if made:
                await self._node.runtime.make_volume(EngineVolume(one.volume, self._labels(one, entry)))
            folder = await self._node.runtime.volume_folder(one.volume)
            if folder is not None:
                found.append((one, Place(Path(folder), note.id)))
        return found

    def _labels(self, one: Fill, entry: Entry) -> dict[str, str]:
        cluster = self._node.settings.cluster
        if not one.name:
            return {labels.CLUSTER: cluster}
        return labels.of_volume(entry.desired, one.name, cluster=cluster)

    async def _put_back(self, one: Fill, id_: str) -> None:
        if not one.name:
            with contextlib.suppress(EngineRefused):  # a container has it: it goes with that
                await self._node.runtime.remove_volume(one.volume)
            return
        folder = await self._node.runtime.volume_folder(one.volume)
        if folder is not None:
            await asyncio.to_thread(Place(Path(folder), id_).put_back)

    def _carry_out(self, job: Job, note: Filling, places: Sequence[tuple[Fill, Place]]) -> None:
        """In a thread."""
        todo = [(one, place) for one, place in places if not place.is_changed]
        self._find_room(todo)
        for one, place in todo:
            place.bring(functools.partial(self._unpack, job, note, one))
        for _, place in todo:
            place.change()

    def _find_room(self, places: Sequence[tuple[Fill, Place]]) -> None:
        """Raises EngineRefused."""
        if not places:
            return
        needed, free = sum(one.size for one, _ in places), self._free(places[0][1].folder.parent)
        if free < needed + SPARE:
            sizes = quantity.approximate_size(needed), quantity.approximate_size(free)
            raise EngineRefused(f"its volumes take {sizes[0]} more for a while, and {sizes[1]} are free")

    def _unpack(self, job: Job, note: Filling, one: Fill, folder: Path) -> None:
        def heard(size: int) -> None:
            whole = quantity.approximate_size(one.size)
            job.said = f"{one.name or one.target}, {quantity.approximate_size(size)} of {whole}"

        file = self._files.archive(note.snapshot, one.name or None, one.target)
        job.complaints += archives.unpack(file, folder, digest=one.digest, progress=heard, handle=job.handle)

    def _name(self, entry: Entry, name: str) -> str:
        desired = entry.desired
        return labels.volume_name(
            (desired.namespace, desired.name), name, cluster=self._node.settings.cluster
        )


def anonymous(filling: Filling | None, kept: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The volumes that nobody named of a container that begins from a Snapshot: those that were filled, and
    those of the one before it that the Snapshot lacks. Pure."""
    filled = [
        (one.volume, one.target) for one in (filling.volumes if filling is not None else ()) if not one.name
    ]
    targets = {target for _, target in filled}
    return (*filled, *((name, target) for name, target in kept if target not in targets))


def pass_over(node: Node, entry: Entry, why: str) -> None:
    """Its owner's word to replace the files comes to nothing, and that is said."""
    log.warning("files are not replaced", extra={"vps": str(entry.key), "because": why})
    entry.memory = entry.memory.noting(passed_over=entry.desired.replace_files, passed_why=why)
    node.tell(entry, news.files_kept(entry.desired, why))


def _replaced(entry: Entry) -> str | None:
    """The container whose files its owner has given up, by id; None where there is none."""
    note = entry.memory.durable.recreation
    return note.old if note is not None and not note.image else None


def _settle(places: Sequence[Place]) -> None:
    for place in places:
        place.settle()


def _left_alone(entry: Entry, full: Sequence[Fill]) -> str:
    desired, names = entry.desired, ", ".join(one.name for one in full)
    elsewhere = "" if desired.namespace == "default" else f" -n {desired.namespace}"
    return (
        "volumes that hold files already, kept from an earlier VPS of this name, are left as they are: "
        f"{names}; "
        f"to replace what is in them by what Snapshot {desired.snapshot} has: "
        f"kohakuriver vps restore {desired.name} {desired.snapshot}{elsewhere}"
    )


def _words(error: errors.KohakuRiverError | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return error.message


def _refusal(error: errors.KohakuRiverError | OSError, snapshot: str) -> EngineRefused:
    if isinstance(error, EngineRefused):
        return error
    return SnapshotUnusable(f"the volumes of Snapshot {snapshot} cannot be brought back: {_words(error)}")
