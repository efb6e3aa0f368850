"""Makes a container anew with changed settings and the files it had (CORRECTNESS 10). Below containers.py,
which makes the new one.

    stop ─► set aside: commit, verify ─► (journal) ─► make anew: rename the old, create ─► start ─► retire it

Each arrow is a decision of judge.py on what is there, so that a crash anywhere is followed by the next step:
until the new container has run, the old one is there untouched, and the image of its files is known by labels
that say whose it is and of which run. Where its owner has given the files up there is nothing to carry over.
Where there is no room, or no end of the commit for hours, the old container is kept, and that is said.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from typing import Final

from kohakuriver import durations, quantity
from kohakuriver.agent.aside import Aside, NotKept
from kohakuriver.agent.commits import Commit, is_whole
from kohakuriver.agent.context import Node
from kohakuriver.agent.deciding import actions, labels
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Copying, KeptBack, Recreation, replaces_files, run_of
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.filling import pass_over
from kohakuriver.agent.images import whose
from kohakuriver.agent.machine import facts
from kohakuriver.agent.roster import Entry
from kohakuriver.agent.runtime.base import (
    COMMIT_CLUSTER_LABEL,
    LABEL_PREFIX,
    Container,
    ContainerSpec,
    ContainerState,
)
from kohakuriver.agent.runtime.errors import EngineError, EngineRefused, NotFound, WrongState

log = logging.getLogger(__name__)

COMMIT_OF: Final = f"{LABEL_PREFIX}commit-of"  # on such an image: the container whose files are in it
COMMIT_RUN: Final = f"{LABEL_PREFIX}commit-run"  # and the run that wrote them last
SPARE: Final = 64 << 20  # bytes that a commit must leave free
QUICK: Final = 5.0  # seconds that a commit is waited for on the spot; then it is looked at again and again
LOOK_AGAIN: Final = 1.0
UNSURE: Final = 60.0  # seconds, and one for each so many bytes: then a commit that was noted, and of which no
PACE: Final = 10 << 20  # more is known, was never begun


class Recreator:
    """The steps of a re-creation, but for the create itself."""

    def __init__(self, node: Node, *, disk: Callable[[str], facts.Disk | None] = facts.disk) -> None:
        self._node = node
        self._disk = disk
        self._aside = Aside(node)

    async def set_aside(self, entry: Entry, container_id: str) -> None:
        """Take what is worth keeping of the container into an image, and note that another may be made."""
        old = await self._node.runtime.inspect(container_id)
        if old is None:
            raise NotFound("the engine has no such container")
        if old.is_up:
            raise WrongState("the container runs again")
        image = kept_as = ""
        if replaces_files(entry.memory, entry.desired, old):
            aside = await self._given_up(entry, old)
            if aside is None:
                return
            kept_as = aside
        else:
            try:
                made = await self._commit(entry, old)
            except EngineRefused as refused:
                if old.name != entry.desired.container_name:
                    raise  # it is too late to go back
                self._keep(entry, old, refused)
                return
            if made is None:
                return
            image = made
        note = Recreation(
            old=old.id,
            run=run_of(old),
            image=image,
            base=labels.image_of(old),
            volumes=old.anonymous,
            word=labels.word(old),
            snapshot=labels.snapshot_of(old),
            kept_as=kept_as,
        )
        _note(entry, note)

    async def _given_up(self, entry: Entry, old: Container) -> str | None:
        """See to it that what comes in place of the files is there, and that they are set aside where they
        are to be; the name of the Snapshot that has them then, or "". None where that is not so yet, or
        where the word was passed over."""
        desired = entry.desired
        whose.check(desired.image, desired)
        if await self._node.runtime.image(desired.image) is None:
            if desired.snapshot:
                why = f"the image of Snapshot {desired.snapshot} is gone from {self._node.settings.node}"
                pass_over(self._node, entry, why)
            else:
                self._node.images.demand(desired)
            return None
        if not desired.keep_replaced:
            return ""
        try:
            name = await self._aside.kept(entry, old)
        except NotKept as refused:
            pass_over(self._node, entry, refused.message)
            return None
        if name:
            return name
        look = self._node.clock.monotonic() + LOOK_AGAIN
        words = "what is in it is set aside first, as a Snapshot"
        entry.memory = dataclasses.replace(entry.memory, copying_until=look, copying=words)
        return None

    async def make_room(self, entry: Entry) -> Recreation | None:
        """Have the old container give its name up to a new one. What that is to be made from; None where the
        re-creation has to begin anew."""
        note, desired = entry.memory.durable.recreation, entry.desired
        if note is None:
            return None
        old = await self._node.runtime.inspect(note.old)
        if old is not None and bool(note.image) == replaces_files(entry.memory, desired, old):
            await self.set_aside(entry, old.id)  # the word was given, or taken back, since
            return None
        heard = max(note.word, entry.memory.durable.passed_over)
        if note.image and desired.image and desired.replace_files > heard:
            if desired.keep_replaced:
                why = "they are in no container now, so they cannot be set aside first: ask once it runs"
                pass_over(self._node, entry, why)
                return None
            _note(entry, dataclasses.replace(note, image=""))
            return None
        if note.image and await self._node.runtime.image(note.image) is None:
            log.warning("the image of its files is gone", extra={"vps": str(entry.key), "image": note.image})
            _note(entry, None)
            return None
        named = await self._node.runtime.inspect(desired.container_name)
        if named is not None and named.id == note.old:
            await self._give_name_up(named)
        elif named is not None and labels.is_for(named, desired) and _is_fresh(named):
            await self._node.runtime.remove(named.id)  # made by an earlier try, for what was declared then
            self._node.roster.drop(named.id)
        began = note.image or desired.snapshot or desired.image
        log.info("making anew", extra={"vps": str(entry.key), "from": began})
        return note

    async def retire(self, entry: Entry, container_id: str) -> None:
        """The new container has run: the old one is not needed any more, nor the images of earlier ones."""
        old = await self._node.runtime.inspect(container_id)
        if old is not None and labels.is_for(old, entry.desired):
            await self._node.runtime.remove(old.id, force=True)
            self._node.roster.drop(old.id)
        current = self._node.roster.of(entry)
        await self._remove_images(entry.desired, but=current.image if current is not None else "")
        _note(entry, None)

    async def clean(self, entry: Entry) -> None:
        """The VPS goes: so does what its re-creations have left."""
        desired, name = entry.desired, entry.desired.container_name
        for container in self._node.roster.containers_of(desired.uid):
            if labels.is_for(container, desired) and container.name.startswith(name):
                await self._node.runtime.remove(container.id, force=True)
                self._node.roster.drop(container.id)
        self._node.commits.disown(whose.commits(desired.uid))
        await self._remove_images(desired)

    async def _commit(self, entry: Entry, old: Container) -> str | None:
        """The image of its files: an earlier try's, or a new one. None while the engine is at it, and before
        that once, for the note of it to be written before the engine is asked.
        """
        reference = f"{whose.commits(entry.desired.uid)}:{labels.commit_number(old) + 1}"
        marks = {
            COMMIT_CLUSTER_LABEL: self._node.settings.cluster,
            COMMIT_OF: old.id,
            COMMIT_RUN: run_of(old) or "",
            labels.COMMIT: "",
        }
        commit, within = self._node.commits.of(old.id), 0.0
        if commit is None or not commit.is_mine:
            commit = await self._taken_over(entry, old, reference, marks)
        if commit is not None and commit.run != run_of(old):
            await self._outlive(commit)
        if commit is None or commit.run != run_of(old):
            if not self._node.commits.is_announced(old.id, run_of(old)):
                if await self._is_whole(reference, marks):
                    return reference
                await self._node.runtime.remove_image(reference)
                await self._find_room(old)
                self._announce(entry, old)
                return None
            commit = self._node.commits.begin(old.id, run_of(old), reference=reference, marks=marks)
            within = QUICK
        if not await self._ended(entry, commit, within=within):
            self._look_again(entry, commit)
            return None
        if not await self._is_whole(reference, marks):
            _remember_copying(entry, None)
            raise EngineRefused(f"the image {reference} is not what was committed")
        log.info("files taken into an image", extra={"container": old.name, "image": reference})
        return reference

    async def _taken_over(
        self, entry: Entry, old: Container, reference: str, marks: dict[str, str]
    ) -> Commit | None:
        """What an earlier agent began, where the engine that was at it has not been started again since."""
        if self._node.commits.is_noted(old.id):
            return None
        note = entry.memory.durable.copying
        if note is None or note.container != old.id or not note.engine or note.engine != self._engine_run():
            self._node.commits.forget(old.id)
            return None
        theirs = {**marks, COMMIT_RUN: note.run or ""}
        known = self._node.commits.of(old.id)
        if known is None:
            patience = UNSURE + await self._node.runtime.written(old.id) / PACE if note.unsure else None
            known = self._node.commits.begin(
                old.id, note.run, reference=reference, marks=theirs, is_mine=False, patience=patience
            )
        if note.unsure and self._node.commits.lasts_too_long(known):
            self._node.commits.forget(old.id)  # it was never begun, as far as anybody can tell
            return None
        return known

    def _announce(self, entry: Entry, old: Container) -> None:
        """Note that a commit is about to begin: keeper.py writes it to the journal before the next step."""
        copying = Copying(old.id, run_of(old), self._engine_run(), unsure=True)
        entry.memory = entry.memory.noting(copying=copying, recreated=True)
        self._node.commits.announce(old.id, run_of(old))

    def _look_again(self, entry: Entry, commit: Commit) -> None:
        """It lasts: from here on an agent that comes after this one waits as long as this one would."""
        was = entry.memory.durable.copying
        unsure = was is not None and was.unsure and not commit.is_mine
        _remember_copying(entry, Copying(commit.container, commit.run, self._engine_run(), unsure))
        look = self._node.clock.monotonic() + LOOK_AGAIN
        entry.memory = dataclasses.replace(entry.memory, copying_until=look, copying="")

    async def _outlive(self, commit: Commit) -> None:
        """It is of an earlier run, and of no use: the next one waits for its end."""
        try:
            done = await commit.ended(within=QUICK)
        except EngineError:
            return
        if not done and (commit.is_mine or not self._node.commits.lasts_too_long(commit)):
            raise EngineRefused(
                "the engine is still taking into an image what it had before this run, which has to end first"
            )

    async def _ended(self, entry: Entry, commit: Commit, *, within: float) -> bool:
        """Whether it is done. No second one is begun beside it: the engine goes on with the first."""
        try:
            done = await commit.ended(within=within)
        except EngineError:
            self._node.commits.forget(commit.container)
            _remember_copying(entry, None)
            raise
        if done:
            self._node.commits.forget(commit.container)
        elif self._node.commits.lasts_too_long(commit):
            commit.is_wanted = False
            _remember_copying(entry, None)
            hours = durations.age(self._node.commits.patience)
            raise EngineRefused(f"the engine has been at its files for {hours}, and is not done")
        return done

    def _engine_run(self) -> str:
        return facts.engine_run(self._node.settings.docker)

    async def _is_whole(self, reference: str, marks: dict[str, str]) -> bool:
        return is_whole(await self._node.runtime.image(reference), marks)

    async def _find_room(self, old: Container) -> None:
        root = (await self._node.runtime.info()).root_dir
        disk = await asyncio.to_thread(self._disk, root)
        needed = await self._node.runtime.written(old.id)
        if disk is not None and disk.free < needed + SPARE:
            size = quantity.approximate_size(needed)
            raise EngineRefused(f"its files take {size} more for a while, and there are {disk.words}")

    def _keep(self, entry: Entry, old: Container, refused: EngineRefused) -> None:
        """It goes on in its old container, until the next restart."""
        said = f"its container could not be made anew, so it keeps the old one: {refused.message}"
        spec = Situation(entry.desired, old, entry.memory, self._node.clock.monotonic()).spec_on_its_files
        kept = KeptBack(spec=spec, run=run_of(old), message=refused.message)
        entry.memory = dataclasses.replace(entry.memory, kept_back=kept)
        self._node.tell(entry, actions.Tell("Warning", "RecreationRefused", said))

    async def _give_name_up(self, old: Container) -> None:
        await self._node.runtime.rename(old.id, f"{old.name}-{old.id[:8]}")
        renamed = await self._node.runtime.inspect(old.id)
        if renamed is not None:
            self._node.roster.put(renamed)

    async def _remove_images(self, desired: Desired, *, but: str = "") -> None:
        mine = f"{whose.commits(desired.uid)}:"
        for reference in await self._node.runtime.images():
            if reference.startswith(mine) and reference != but:
                await self._node.runtime.remove_image(reference)


def as_before(desired: Desired, kept: Recreation) -> Desired:
    """What is declared, but on the files that there are: their image, and the word they began with."""
    return dataclasses.replace(
        desired, image=kept.base or desired.image, replace_files=kept.word, snapshot=kept.snapshot
    )


def carry_over(spec: ContainerSpec, kept: Recreation) -> ContainerSpec:
    """The same container, on the files of the one before it."""
    number = kept.image.rpartition(":")[2]
    return dataclasses.replace(
        spec,
        image=kept.image,
        labels={**spec.labels, labels.COMMIT: number},
        anonymous=kept.volumes,
    )


def _is_fresh(container: Container) -> bool:
    return container.state is ContainerState.CREATED and run_of(container) is None


def _note(entry: Entry, note: Recreation | None) -> None:
    """keeper.py writes it to the journal before anything else is done. From here on there may be images that
    have to go with the VPS."""
    entry.memory = entry.memory.noting(recreation=note, copying=None, recreated=True)


def _remember_copying(entry: Entry, copying: Copying | None) -> None:
    entry.memory = entry.memory.noting(copying=copying)
