"""A container engine in memory, driven by the event loop's time; for tests.

It outlives the runtimes that use it (runtime.py), as an engine outlives an agent. It keeps the rules a real
one keeps (names, states, ports, images), with acts for what people do by hand; what goes wrong is switched
on in fake_switches.py. tests/agent/runtime_contract.py holds it to the real one.
"""

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from kohakuriver import image_name
from kohakuriver.agent.runtime import inherited, shrinking
from kohakuriver.agent.runtime.base import (
    CLUSTER_LABEL,
    Container,
    ContainerSpec,
    ContainerState,
    File,
    Limits,
    Listed,
    MountedVolume,
    MountedVolumes,
    PortBinding,
    RuntimeEvent,
)
from kohakuriver.agent.runtime.errors import (
    EngineError,
    EngineRefused,
    ImageMissing,
    NameTaken,
    NotFound,
    PortTaken,
    RunLeftBehind,
    WrongState,
)
from kohakuriver.clock import parse_timestamp
from tests.fakes.clock import LoopClock
from tests.fakes.switches import FakeImage, Program, Pull, Switches

KILLED = 137
_UP = frozenset({ContainerState.RUNNING, ContainerState.PAUSED})


@dataclasses.dataclass(slots=True)
class Record:
    """One container, inside the engine."""

    seen: Container
    ports: tuple[PortBinding, ...]
    files: dict[str, File]
    command: tuple[str, ...]
    spec: ContainerSpec
    starts: int = 0


class FakeEngine:
    """The engine's state, and what can be done to it without a runtime: by people, programs and faults."""

    def __init__(self) -> None:
        self.id = "fake-engine"
        self.cores = 8
        self.memory = 16 << 30
        self.root = (0, 0)  # the user and group of the machine that root in a container is
        self.switches = Switches()
        self.images: dict[str, FakeImage] = {
            "kohakuriver/busybox": FakeImage("sha256:busybox"),
            "kohakuriver/debian-ssh": FakeImage(
                "sha256:debian", 170_000_000, frozenset({"/bin/sh", "/etc/shadow", "/usr/sbin/sshd"})
            ),
        }
        self.registry: dict[str, Pull] = {}
        self.used: dict[str, int] = {}  # bytes of memory, by container id
        self.programs: dict[str, Program] = {}  # by container name, else by image
        self.networks: dict[str, str] = {}  # name -> cluster
        self.volumes: dict[str, dict[str, str]] = {}  # name -> labels
        self.folder = ""  # of the machine, below which the files of volumes are; else they cannot be seen
        self.calls: collections.Counter[str] = collections.Counter()
        self._records: dict[str, Record] = {}
        self._ids = itertools.count(1)
        self._turns: dict[str, asyncio.Lock] = {}
        self._subscribers: set[asyncio.Queue[RuntimeEvent | None]] = set()

    # What is there.

    def records(self) -> list[Record]:
        """Every container of every cluster."""
        return list(self._records.values())

    def find(self, name_or_id: str) -> Record:
        """A container. Raises NotFound."""
        for record in self._records.values():
            if name_or_id in {record.seen.id, record.seen.name}:
                return record
        raise NotFound("the engine has no such container")

    def image(self, reference: str) -> FakeImage | None:
        """The image of this name, however that is written."""
        named = {image_name.full(name): image for name, image in self.images.items()}
        return named.get(image_name.full(reference))

    def tag(self, reference: str, name: str) -> None:
        image = self.image(reference)
        if image is None:
            raise ImageMissing(reference)
        self.images[name] = image

    def remove_image(self, reference: str) -> None:
        for name in [one for one in self.images if image_name.full(one) == image_name.full(reference)]:
            image = self.images[name]
            others = [one for one, known in self.images.items() if one != name and known.id == image.id]
            if not others and any(record.seen.image_id == image.id for record in self.records()):
                raise EngineRefused(f"conflict: a container is using the image {name}")
            del self.images[name]

    def listed(self, record: Record) -> Listed:
        """A container as the list has it."""
        seen = record.seen
        since = seen.started_at if seen.is_up else seen.finished_at
        is_old = since is None or LoopClock().now() - parse_timestamp(since) >= datetime.timedelta(minutes=1)
        return Listed(seen.id, seen.name, seen.image, seen.image_id, seen.labels, seen.state, is_old)

    def hangs_at(self, call: str, name_or_id: str) -> bool:
        """Whether it would never answer this call about this container."""
        found = self.switches.hangs_at.get(call, set())
        return any(
            name_or_id in {one.seen.id, one.seen.name} and one.seen.id in found for one in self.records()
        )

    # What a runtime, or a person with the engine's own command, does.

    def create(self, spec: ContainerSpec) -> str:
        for record in self._records.values():
            if record.seen.name == spec.name:
                raise NameTaken(f"a container named {spec.name} exists", container_id=record.seen.id)
        if (image := self.image(spec.image)) is None:
            raise ImageMissing(spec.image)
        container = Container(
            id=f"{next(self._ids):064x}",
            name=spec.name,
            image=spec.image,
            image_id=image.id,
            labels={**image.labels, **inherited.labels(spec, image.seen())},
            state=ContainerState.CREATED,
            created_at=_now(),
            limits=spec.limits,
            ports=spec.ports,
            anonymous=self._anonymous(spec, image),
        )
        self._records[container.id] = Record(container, spec.ports, dict(image.files), spec.command, spec)
        for volume in spec.volumes:
            self.volumes.setdefault(volume.name, dict(volume.labels))
        for name, _ in container.anonymous:
            self.volumes.setdefault(name, {})
        self.put_files(container.id, spec.files)
        self._emit("create", container)
        return container.id

    def start(self, name_or_id: str) -> None:
        record = self.find(name_or_id)
        if record.seen.state is ContainerState.RUNNING:
            return
        if record.seen.state is ContainerState.PAUSED:
            raise WrongState("cannot start a paused container, try unpause instead")
        if record.seen.id in self.switches.left_behind:
            raise RunLeftBehind(f"task {record.seen.id}: already exists")
        for port in record.ports:
            if holder := self._holder(port.host_port):
                words = f"port {port.host_port} of the node is in use: {holder} has it"
                others = self.switches.ports_of_strangers
                raise PortTaken(words, port=port.host_port, holder=holder, others=others)
        record.starts += 1
        self._set(
            record,
            "start",
            state=ContainerState.RUNNING,
            started_at=_later_than(record.seen.started_at),
            exit_code=None,
            oom_killed=False,
            pid=1000 + int(record.seen.id, 16),
            ip=f"10.0.0.{int(record.seen.id, 16) % 250 + 2}",
        )
        self._run_program(record)

    def end(self, name_or_id: str, *, exit_code: int, oom: bool = False) -> None:
        """The main process ends."""
        record = self.find(name_or_id)
        if record.seen.state not in _UP:
            return
        if oom:
            self._emit("oom", record.seen)
        self._set(
            record,
            "die",
            state=ContainerState.EXITED,
            exit_code=exit_code,
            oom_killed=oom,
            finished_at=_now(),
            pid=None,
            ip=None,
        )

    def pause(self, name_or_id: str) -> None:
        record = self.find(name_or_id)
        if record.seen.state is ContainerState.RUNNING:
            self._set(record, "pause", state=ContainerState.PAUSED)
        elif record.seen.state is not ContainerState.PAUSED:
            raise WrongState(f"the container is {record.seen.state}")

    def unpause(self, name_or_id: str) -> None:
        record = self.find(name_or_id)
        if record.seen.state is ContainerState.PAUSED:
            self._set(record, "unpause", state=ContainerState.RUNNING)
        elif record.seen.state is not ContainerState.RUNNING:
            raise WrongState(f"the container is {record.seen.state}")

    def remove(self, name_or_id: str, *, force: bool) -> None:
        record = self.find(name_or_id)
        if record.seen.state in _UP:
            if not force:
                raise WrongState(f"the container is {record.seen.state}")
            self.end(record.seen.id, exit_code=KILLED)
        del self._records[record.seen.id]
        others = {name for one in self.records() for name, _ in one.seen.anonymous}
        for name, _ in record.seen.anonymous:
            if name not in others:
                self._drop_volume(name)
        self._emit("destroy", record.seen)

    def rename(self, name_or_id: str, name: str) -> None:
        for record in self._records.values():
            if record.seen.name == name and name_or_id not in {record.seen.id, name}:
                raise NameTaken(f"a container named {name} exists", container_id=record.seen.id)
        self._set(self.find(name_or_id), "rename", name=name)

    def files_of(self, image_id: str) -> dict[str, File]:
        """Those that an image has, of those that somebody has written."""
        return next((image.files for image in self.images.values() if image.id == image_id), {})

    def commit(self, name_or_id: str, reference: str, labels: Mapping[str, str]) -> None:
        record = self.find(name_or_id)
        known = (image for image in self.images.values() if image.id == record.seen.image_id)
        base = next(known, FakeImage(""))
        self.images[reference] = FakeImage(
            f"sha256:commit{next(self._ids)}",
            base.size,
            base.paths,
            dict(record.files),
            dict(labels),
            volumes=base.volumes,
        )

    def update(self, name_or_id: str, limits: Limits) -> None:
        record = self.find(name_or_id)
        if self.switches.ignores_updates:
            return
        if record.seen.is_up:
            shrinking.refuse(self.used.get(record.seen.id, 0), limits.memory)
        before = record.seen.limits
        if before is not None and not limits.cpuset:
            limits = dataclasses.replace(limits, cpuset=before.cpuset)
        self._set(record, "update", limits=limits)

    def remove_volume(self, name: str, *, cluster: str) -> None:
        if name not in self.volumes:
            return
        if self.volumes[name].get(CLUSTER_LABEL) != cluster:
            raise EngineRefused(f"the volume {name} is not this cluster's, so it is left alone")
        used = {volume.name for record in self.records() for volume in record.spec.volumes}
        used |= {anonymous for record in self.records() for anonymous, _ in record.seen.anonymous}
        if name in used:
            raise EngineRefused(f"remove {name}: volume is in use")
        self._drop_volume(name)

    def put_files(self, name_or_id: str, files: tuple[File, ...]) -> None:
        self.find(name_or_id).files.update({file.path: file for file in files})

    def has_file(self, name_or_id: str, path: str) -> bool:
        record = self.find(name_or_id)
        return path in record.files or any(
            image.id == record.seen.image_id and path in image.paths for image in self.images.values()
        )

    def program(self, record: Record) -> Program:
        """What this container's main process does."""
        return self.programs.get(record.seen.name) or self.programs.get(record.seen.image) or Program()

    def folders(self, name_or_id: str, *, carried: int) -> tuple[str, ...]:
        record = self.find(name_or_id)
        layers = [f"/layers/{record.seen.image_id}/{number}" for number in range(carried)]
        volumes = [f"/volumes/{volume.name}" for volume in record.spec.volumes]
        return (f"/layers/{record.seen.name}", *layers, *volumes)

    def volumes_of(self, name_or_id: str) -> MountedVolumes:
        record = self.find(name_or_id)
        found = [(one.name, one.target) for one in record.spec.volumes]
        found += [(name, target) for name, target in record.seen.anonymous]
        if found and not self.folder:
            raise EngineRefused("the files of volumes are not to be seen from here")
        made = [MountedVolume(name, target, self.volume_folder(name) or "") for name, target in found]
        return tuple(sorted(made, key=lambda one: one.target))

    def volume_folder(self, name: str) -> str | None:
        if name not in self.volumes:
            return None
        if not self.folder:
            raise EngineRefused("the files of volumes are not to be seen from here")
        folder = Path(self.folder) / name / "_data"
        if not folder.parent.exists():
            folder.mkdir(parents=True)
        return str(folder)

    def _anonymous(self, spec: ContainerSpec, image: FakeImage) -> tuple[tuple[str, str], ...]:
        taken = {bind.target for bind in spec.binds} | {volume.target for volume in spec.volumes}
        given = [(name, target) for name, target in spec.anonymous if target not in taken]
        taken |= {target for _, target in given}
        made = [(f"{next(self._ids):064x}", target) for target in image.volumes if target not in taken]
        return tuple(sorted(given + made))

    def _drop_volume(self, name: str) -> None:
        self.volumes.pop(name, None)
        if self.folder:
            shutil.rmtree(Path(self.folder) / name, ignore_errors=True)

    # What happens to the whole engine.

    def turn(self, name_or_id: str) -> asyncio.Lock:
        """One call at a time is acted on for a container, in the order in which they come."""
        return self._turns.setdefault(name_or_id, asyncio.Lock())

    def later(
        self, seconds: float, work: Callable[[], object], *, after: contextlib.ExitStack | None = None
    ) -> None:
        """Do this after the caller has given up on it; what it then answers, nobody hears."""

        def act() -> None:
            with after or contextlib.nullcontext(), contextlib.suppress(EngineError):
                work()

        asyncio.get_running_loop().call_later(seconds, act)

    def restart(self) -> None:
        """The engine goes down with its containers and comes back without starting any."""
        self._turns.clear()
        self.switches.is_away = True
        for record in self.records():
            if record.seen.state in _UP:
                record.seen = dataclasses.replace(
                    record.seen,
                    state=ContainerState.EXITED,
                    exit_code=255,
                    finished_at=_now(),
                    pid=None,
                    ip=None,
                )
        self.close_streams()
        self.switches.is_away = False

    def go_away(self) -> None:
        """Nothing answers any more; containers go on."""
        self.switches.is_away = True
        self.close_streams()

    def close_streams(self) -> None:
        """Every event stream ends."""
        for subscriber in self._subscribers:
            subscriber.put_nowait(None)

    def subscribe(self) -> "asyncio.Queue[RuntimeEvent | None]":
        """Events from now on; None is the end."""
        queue: asyncio.Queue[RuntimeEvent | None] = asyncio.Queue()
        self._subscribers.add(queue)
        return queue

    def unsubscribe(self, queue: "asyncio.Queue[RuntimeEvent | None]") -> None:
        self._subscribers.discard(queue)

    def _run_program(self, record: Record) -> None:
        program, run = self.program(record), record.starts

        def finish() -> None:
            if record.starts == run and record.seen.id in self._records:
                self.end(record.seen.id, exit_code=program.exit_code, oom=program.oom)

        if program.runs_for is not None:
            asyncio.get_running_loop().call_later(program.runs_for, finish)

    def _holder(self, port: int) -> str | None:
        if stranger := self.switches.ports_of_strangers.get(port):
            return stranger
        return next((f"container {name}" for name in self._publishers(port)), None)

    def _publishers(self, port: int) -> Iterator[str]:
        for record in self._records.values():
            if record.seen.state in _UP and any(binding.host_port == port for binding in record.ports):
                yield record.seen.name

    def _set(self, record: Record, action: str, **changes: object) -> None:
        record.seen = dataclasses.replace(record.seen, **changes)  # type: ignore[arg-type]
        self._emit(action, record.seen)

    def _emit(self, action: str, container: Container) -> None:
        if self.switches.loses_events:
            return
        event = RuntimeEvent(
            container_id=container.id,
            name=container.name,
            action=action,
            labels=container.labels,
            time=LoopClock().now().timestamp(),
        )
        for subscriber in self._subscribers:
            subscriber.put_nowait(event)


def _now() -> str:
    return _written(LoopClock().now())


def _later_than(before: str | None) -> str:
    """No two starts of a container are at one time, even where simulated time stands still between them."""
    now = LoopClock().now()
    if before is not None:
        now = max(now, parse_timestamp(before) + datetime.timedelta(microseconds=1))
    return _written(now)


def _written(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
