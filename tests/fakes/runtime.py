"""A `Runtime` in memory: one cluster's view of a `FakeEngine`, with the engine's faults in between.

For tests. Every call passes one door, where it may be delayed, refused, hung or done without an answer.
"""

import asyncio
import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from kohakuriver import image_name
from kohakuriver.agent.runtime import unpulled
from kohakuriver.agent.runtime.base import (
    CLUSTER_LABEL,
    LOOK_WITHIN,
    SUBSCRIBED,
    Change,
    ChangeKind,
    Container,
    ContainerSpec,
    EngineInfo,
    EngineVolume,
    Entry,
    File,
    Image,
    Limits,
    Listing,
    MountedVolumes,
    PullProgress,
    RuntimeEvent,
    Stocked,
    Volumes,
    ignored,
)
from kohakuriver.agent.runtime.errors import (
    WITHHELD,
    EngineRefused,
    ImageMissing,
    ImagePullFailed,
    NotFound,
    RuntimeTimeout,
    RuntimeUnavailable,
    foreign,
)
from tests.fakes.engine import KILLED, FakeEngine, Record
from tests.fakes.switches import FakeImage

T = TypeVar("T")

_TIMEOUT = 30.0
_STEPS = 4  # of progress in a pull


class FakeRuntime:
    """The containers of one cluster on a fake engine."""

    def __init__(self, engine: FakeEngine, *, cluster: str) -> None:
        self.engine = engine
        self._cluster = cluster

    async def info(self) -> EngineInfo:
        return await self._call("info", self._info)

    async def list(self) -> Listing:
        return await self._call("list", lambda: [self.engine.listed(one) for one in self._mine()])

    async def inspect(self, name_or_id: str) -> Container | None:
        return await self._call("inspect", functools.partial(self._inspect, name_or_id), about=name_or_id)

    async def create(self, spec: ContainerSpec, *, warned: Callable[[str], None] = ignored) -> str:
        container_id = await self._call("create", functools.partial(self.engine.create, spec))
        for warning in self.engine.switches.warnings:
            warned(warning)
        return container_id

    async def start(self, container_id: str) -> None:
        work = functools.partial(self.engine.start, container_id)
        await self._call("start", work, about=container_id, turn=True)

    async def stop(self, container_id: str, grace: float) -> None:
        async with self.engine.turn(container_id):
            await self._door("stop", container_id)
        record = self.engine.find(container_id)
        if record.seen.is_up:
            program = self.engine.program(record)
            is_willing = program.ends_after <= grace
            await self._ended(record, within=min(program.ends_after, grace))
            code = program.code_on_term if is_willing else KILLED
            self.engine.end(container_id, exit_code=code)
        self._lose_reply("stop")

    async def _ended(self, record: Record, *, within: float) -> None:
        """Wait until somebody else has ended it, at most so long."""
        events = self.engine.subscribe()
        try:
            async with asyncio.timeout(within):
                while record.seen.is_up:
                    await events.get()
        except TimeoutError:
            return
        finally:
            self.engine.unsubscribe(events)

    async def kill(self, container_id: str) -> None:
        await self._call(
            "kill",
            functools.partial(self.engine.end, container_id, exit_code=KILLED),
            about=container_id,
            turn=True,
        )

    async def pause(self, container_id: str) -> None:
        await self._call(
            "pause", functools.partial(self.engine.pause, container_id), about=container_id, turn=True
        )

    async def unpause(self, container_id: str) -> None:
        await self._call(
            "unpause",
            functools.partial(self.engine.unpause, container_id),
            about=container_id,
            turn=True,
        )

    async def remove(self, container_id: str, *, force: bool = False) -> None:
        def work() -> None:
            self.engine.switches.left_behind.pop(container_id, None)
            with contextlib.suppress(NotFound):
                self.engine.remove(container_id, force=force)
            if self.engine.switches.blind:
                raise EngineRefused(self.engine.switches.blind)

        await self._call("remove", work, about=container_id, turn=True)

    async def end_leftovers(self, container_id: str) -> int:
        def work() -> int:
            if any(one.seen.id == container_id and one.seen.is_up for one in self.engine.records()):
                return 0
            if self.engine.switches.blind:
                raise EngineRefused(self.engine.switches.blind)
            living = self.engine.switches.left_behind.get(container_id, 0)
            if living:  # what the engine held was the processes: it learns of their end
                del self.engine.switches.left_behind[container_id]
            return living

        return await self._call("end_leftovers", work)

    def blind(self) -> str:
        return self.engine.switches.blind

    async def update(self, container_id: str, limits: Limits) -> None:
        await self._call(
            "update",
            functools.partial(self.engine.update, container_id, limits),
            about=container_id,
            turn=True,
        )

    async def folders(self, container_id: str, *, carried: int) -> tuple[str, ...]:
        work = functools.partial(self.engine.folders, container_id, carried=carried)
        return await self._call("folders", work, about=container_id)

    async def volumes(self) -> Volumes:
        def work() -> Volumes:
            found = self.engine.volumes.items()
            return tuple(
                EngineVolume(name, labels)
                for name, labels in found
                if labels.get(CLUSTER_LABEL) == self._cluster
            )

        return await self._call("volumes", work)

    async def volumes_of(self, container_id: str) -> MountedVolumes:
        work = functools.partial(self.engine.volumes_of, container_id)
        return await self._call("volumes_of", work, about=container_id)

    async def volume_folder(self, name: str) -> str | None:
        return await self._call("volume_folder", functools.partial(self.engine.volume_folder, name))

    async def remove_volume(self, name: str) -> None:
        await self._call(
            "remove_volume", functools.partial(self.engine.remove_volume, name, cluster=self._cluster)
        )

    async def load(self, file: Path, reference: str) -> None:
        def work() -> None:
            if not file.read_bytes():
                raise ImagePullFailed(f"the tarball of {reference} cannot be read: it is empty")
            self.engine.images[reference] = FakeImage(f"sha256:{reference}")

        await self._call("load", work)

    async def put_files(self, container_id: str, files: Sequence[File]) -> None:
        await self._call("put_files", functools.partial(self.engine.put_files, container_id, tuple(files)))

    async def read_file(self, container_id: str, path: str) -> File | None:
        def work() -> File | None:
            if not self.engine.has_file(container_id, path):
                return None
            return self.engine.find(container_id).files.get(path, File(path, b"root:*:1::::::\n"))

        return await self._call("read_file", work)

    async def has_file(self, container_id: str, path: str) -> bool:
        return await self._call("has_file", functools.partial(self.engine.has_file, container_id, path))

    async def image(self, reference: str) -> Image | None:
        def work() -> Image | None:
            found = self.engine.image(reference)
            return found.seen() if found else None

        return await self._call("image", work)

    async def images(self) -> tuple[str, ...]:
        return await self._call("images", lambda: tuple(sorted(self.engine.images)))

    async def stock(self) -> tuple[Stocked, ...]:
        def work() -> tuple[Stocked, ...]:
            used = {record.seen.image_id for record in self.engine.records()}
            found = [
                Stocked(image_name.full(name), image.id, image.size, image.labels, image.id in used)
                for name, image in self.engine.images.items()
            ]
            return tuple(sorted(found, key=lambda one: one.name))

        return await self._call("stock", work)

    async def pull(
        self, reference: str, progress: Callable[[PullProgress], None], *, as_node: bool = False
    ) -> None:
        await self._door("pull")
        if image_name.own(reference):
            raise foreign(reference)
        plan = self.engine.registry.get(reference)
        if plan is None:
            raise unpulled.refused(reference, "manifest unknown: the registry does not have it")
        progress(PullProgress(percent=None, message="asking the registry"))
        for step in range(_STEPS):
            percent = 100 * step // _STEPS
            progress(PullProgress(percent=percent, message=f"pulling {percent} %"))
            await asyncio.sleep(plan.seconds / _STEPS)
        if plan.private and not as_node:
            raise unpulled.refused(reference, "unauthorized", hint=WITHHELD)
        if plan.error is not None:
            raise unpulled.refused(reference, plan.error)
        self.engine.images[reference] = plan.image

    async def rename(self, container_id: str, name: str) -> None:
        await self._call("rename", functools.partial(self.engine.rename, container_id, name))

    async def commit(self, container_id: str, reference: str, labels: Mapping[str, str]) -> None:
        await self._call("commit", functools.partial(self.engine.commit, container_id, reference, labels))

    async def snapshot(
        self, container_id: str, reference: str, labels: Mapping[str, str], *, without: str
    ) -> None:
        def work() -> None:
            self.engine.commit(container_id, reference, labels)
            made = self.engine.images[reference]
            kept = {path: file for path, file in made.files.items() if not path.startswith(f"{without}/")}
            self.engine.images[reference] = dataclasses.replace(made, files=kept)

        await self._call("snapshot", work)

    async def save(self, reference: str, file: Path) -> str:
        def work() -> str:
            data = self.engine.images[reference].id.encode()
            file.write_bytes(data)
            return f"sha256:{hashlib.sha256(data).hexdigest()}"

        return await self._call("save", work)

    async def written(self, container_id: str) -> int:
        def work() -> int:
            return sum(len(file.content) for file in self.engine.find(container_id).files.values())

        return await self._call("written", work)

    async def changes(self, container_id: str, told: Callable[[Sequence[Change]], None]) -> None:
        def work() -> None:
            record = self.engine.find(container_id)
            was = self.engine.files_of(record.seen.image_id)
            for path in sorted(was.keys() | record.files.keys()):
                if path not in was:
                    told([Change(path, ChangeKind.ADDED)])
                elif path not in record.files:
                    told([Change(path, ChangeKind.DELETED)])
                elif record.files[path] != was[path]:
                    told([Change(path, ChangeKind.CHANGED)])

        await self._call("changes", work)

    async def files(self, container_id: str, told: Callable[[Sequence[Entry]], None]) -> None:
        await self._call("files", lambda: told(_entries(self.engine.find(container_id).files)))

    async def files_of_image(self, reference: str, told: Callable[[Sequence[Entry]], None]) -> None:
        def work() -> None:
            image = self.engine.image(reference)
            if image is None:
                raise ImageMissing(reference)
            told(_entries(image.files))

        await self._call("files_of_image", work)

    async def tag(self, reference: str, name: str) -> None:
        await self._call("tag", functools.partial(self.engine.tag, reference, name))

    async def remove_image(self, reference: str) -> None:
        await self._call("remove_image", functools.partial(self.engine.remove_image, reference))

    async def make_volume(self, volume: EngineVolume) -> None:
        def work() -> None:
            self.engine.volumes.setdefault(volume.name, dict(volume.labels))

        await self._call("make_volume", work)

    async def ensure_network(self, name: str) -> str:
        def work() -> str:
            if self.engine.networks.setdefault(name, self._cluster) != self._cluster:
                raise EngineRefused(f"the engine has a network {name} that is not this cluster's")
            return f"br-{name[-8:]}"

        return await self._call("ensure_network", work)

    async def events(self) -> AsyncGenerator[RuntimeEvent, None]:
        await self._door("events")
        queue = self.engine.subscribe()
        try:
            yield RuntimeEvent(container_id="", name="", action=SUBSCRIBED, labels={}, time=0)
            while (event := await queue.get()) is not None:
                if event.labels.get(CLUSTER_LABEL) == self._cluster:
                    yield event
        finally:
            self.engine.unsubscribe(queue)
        raise RuntimeUnavailable("the container engine closed its event stream")

    async def aclose(self) -> None:
        """Nothing to let go of."""

    async def _call(self, name: str, work: Callable[[], T], *, about: str = "", turn: bool = False) -> T:
        """With `turn`, what else is asked of that container waits while the engine acts."""
        with contextlib.ExitStack() as after:
            if turn:
                lock = self.engine.turn(about)
                await lock.acquire()
                after.callback(lock.release)
            await self._door(name, about)
            if (seconds := self.engine.switches.late.pop(name, None)) is not None:
                self.engine.later(seconds, work, after=after.pop_all())
                raise RuntimeTimeout("the container engine did not answer in time")
            result = work()
        self._lose_reply(name)
        return result

    async def _door(self, name: str, about: str = "") -> None:
        """What may befall a call before the engine acts on it."""
        switches = self.engine.switches
        self.engine.calls[name] += 1
        if switches.is_away:
            raise RuntimeUnavailable("no container engine answers")
        if switches.hangs or self.engine.hangs_at(name, about):
            await asyncio.sleep(LOOK_WITHIN if name == "inspect" else _TIMEOUT)
            raise RuntimeTimeout("the container engine did not answer in time")
        await asyncio.sleep(switches.delays.get(name, 0))
        if name in switches.refusals:
            raise switches.refusals[name]

    def _lose_reply(self, name: str) -> None:
        lost = self.engine.switches.lost_replies
        if lost[name] > 0:
            lost[name] -= 1
            raise RuntimeTimeout("the container engine hung up before it answered")

    def _inspect(self, name_or_id: str) -> Container | None:
        return next((one.seen for one in self._mine() if name_or_id in {one.seen.id, one.seen.name}), None)

    def _mine(self) -> Iterator[Record]:
        for record in self.engine.records():
            if record.seen.labels.get(CLUSTER_LABEL) == self._cluster:
                yield record

    def _info(self) -> EngineInfo:
        return EngineInfo(
            id=self.engine.id,
            name="fake",
            version="1",
            cores=self.engine.cores,
            memory=self.engine.memory,
            root_dir="/var/lib/fake",
            storage_driver="memory",
            operating_system="a test",
            kernel="0",
            architecture="x86_64",
            remaps_users=self.engine.root != (0, 0),
            root=self.engine.root,
        )


def _entries(files: Mapping[str, File]) -> list[Entry]:
    return [Entry(path, repr((one.mode, one.content)).encode()) for path, one in sorted(files.items())]
