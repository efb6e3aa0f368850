"""A `Runtime` on a Docker engine of this machine. The only module that talks to Docker.

Each method is one job for engine_thread.py: its requests, made one after the other on one thread.
What they carry is put together in translate.py, what they fail with is understood in failures.py, and
the two endless answers (events, pulls) are read by stream.py. Nothing here decides or retries.
"""

import contextlib
import functools
import json
import math
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import docker
import docker.auth
import docker.errors

from kohakuriver import image_name
from kohakuriver.agent.runtime import (
    archive,
    commit,
    contents,
    engine_socket,
    keepalive,
    leftovers,
    named,
    networks,
    port_holder,
    shrinking,
    snapshot,
    tarball,
    translate,
    unpulled,
    volumes,
)
from kohakuriver.agent.runtime.base import (
    CLUSTER_LABEL,
    LOOK_WITHIN,
    SUBSCRIBED,
    Change,
    Container,
    ContainerSpec,
    ContainerState,
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
from kohakuriver.agent.runtime.engine_thread import HOLD, EngineThreads
from kohakuriver.agent.runtime.errors import (
    WITHHELD,
    EngineError,
    EngineRefused,
    ImagePullFailed,
    NotFound,
    PortTaken,
    RuntimeTimeout,
    RuntimeUnavailable,
    WrongState,
    foreign,
)
from kohakuriver.agent.runtime.layers import Layers
from kohakuriver.agent.runtime.pull import PullMeter
from kohakuriver.agent.runtime.stream import EngineStream

DEFAULT_SOCKET: Final = "/var/run/docker.sock"
WIDTH: Final = 8  # engine calls of one kind that begin at a time
_WAITING: Final = 32  # stops at a time: they do nothing but wait for the grace period
_QUICK, _SLOW, _SILENCE = 30.0, 120.0, 300.0  # seconds
# Seconds in which a look, and a start or a removal, are not yet such that hang.
_LIGHT, _HEAVY = 0.25, 3.0
_COPY: Final = 1800.0  # seconds: of a whole filesystem, on a slow disk
_COMMIT: Final = 7 * 86400.0  # the engine goes on with one that is given up: its answer is worth waiting for
_INFO: Final = 10.0
_LOAD: Final = 1800.0  # a large image on a slow disk
_ACTIONS: Final = (
    "create", "start", "die", "oom", "pause", "unpause", "stop", "kill", "rename", "restart", "update",
    "destroy",
)  # fmt: skip


class DockerRuntime:
    """The containers of one cluster on the engine behind `socket_path`."""

    def __init__(
        self, *, cluster: str, socket_path: str = DEFAULT_SOCKET, most_layers: int = commit.MOST_LAYERS
    ) -> None:
        self._cluster = cluster
        self._most_layers = most_layers
        self._socket = socket_path.removeprefix("unix://")
        self._version: str | None = None
        # What hangs hangs at one container, so each kind of call has threads of its own, and those that are
        # about the whole engine share theirs with none of them.
        self._whole = self._threads("engine")
        self._looks = self._threads("engine-look", hold=_LIGHT)
        self._work = self._threads("engine-start", hold=_HEAVY)
        self._removals = self._threads("engine-remove", hold=_HEAVY)
        self._waits = self._threads("engine-stop", width=_WAITING)
        self._stream = EngineStream(self._socket)
        self._sight = leftovers.Sight()
        self._squeezed = shrinking.Leftovers()
        self._layers = Layers()

    async def info(self) -> EngineInfo:
        def work(client: docker.APIClient) -> dict[str, Any]:
            found: dict[str, Any] = client.info()
            return found

        return translate.engine_info(await self._whole.call(work, timeout=_INFO))

    async def list(self) -> Listing:
        return await self._whole.call(self._list, timeout=_SLOW)

    async def inspect(self, name_or_id: str) -> Container | None:
        return await self._looks.call(
            lambda client: self._inspect(client, name_or_id),
            timeout=_QUICK,
            alone=name_or_id,
            patience=LOOK_WITHIN,
        )

    async def create(self, spec: ContainerSpec, *, warned: Callable[[str], None] = ignored) -> str:
        def work(client: docker.APIClient) -> tuple[str, list[str]]:
            body = translate.create_body(spec, named.get(client, spec.image))
            answer = client.create_container_from_config(body, name=spec.name)  # type: ignore[no-untyped-call]
            container_id = str(answer["Id"])
            if files := (*keepalive.files(spec.command), *spec.files):
                client.put_archive(container_id, "/", archive.to_tar(files))
            return container_id, answer.get("Warnings") or []

        container_id, warnings = await self._work.call(work, timeout=_SLOW)
        for warning in warnings:
            warned(warning)
        return container_id

    async def start(self, container_id: str) -> None:
        try:
            await self._work.call(
                lambda client: networks.start(client, container_id), timeout=_SLOW, alone=container_id
            )
        except PortTaken as error:
            find = functools.partial(_holder, port=error.port)
            holder, others = await self._whole.call(find, timeout=_QUICK)
            words = f"{error.message}: {holder} has it" if holder else error.message
            raise PortTaken(words, port=error.port, holder=holder, others=others) from error

    async def stop(self, container_id: str, grace: float) -> None:
        seconds = max(0, math.ceil(grace))
        await self._waits.call(
            lambda client: client.stop(container_id, timeout=seconds), timeout=grace + _QUICK
        )

    async def kill(self, container_id: str) -> None:
        await self._until(
            lambda client: client.kill(container_id), container_id, lambda container: not container.is_up
        )

    async def pause(self, container_id: str) -> None:
        await self._until(lambda client: client.pause(container_id), container_id, _is_paused)

    async def unpause(self, container_id: str) -> None:
        await self._until(lambda client: client.unpause(container_id), container_id, _is_running)

    async def remove(self, container_id: str, *, force: bool = False) -> None:
        with contextlib.suppress(NotFound):
            await self._removals.call(
                lambda client: volumes.remove_container(client, container_id, force=force),
                timeout=_SLOW,
                alone=container_id,
            )
        await self._end_leftovers(container_id)
        self._layers.forget(container_id)
        self._squeezed.forget(container_id)

    async def end_leftovers(self, container_id: str) -> int:
        known = await self.inspect(container_id)
        return 0 if known is not None and known.is_up else await self._end_leftovers(container_id)

    def blind(self) -> str:
        return self._sight.blind

    async def update(self, container_id: str, limits: Limits) -> None:
        body = translate.limits_body(limits)

        def work(client: docker.APIClient) -> None:
            with shrinking.room(client, container_id, limits.memory):
                client.update_container(
                    container_id,
                    cpu_period=body["CpuPeriod"],
                    cpu_quota=body["CpuQuota"],
                    cpu_shares=body["CpuShares"],
                    mem_limit=body["Memory"],
                    memswap_limit=body["MemorySwap"],
                    cpuset_cpus=body.get("CpusetCpus"),
                )

        # One after the other: the end of one takes back what the next has just asked the kernel for.
        await self._looks.call(work, timeout=_QUICK, alone=f"limits of {container_id}")

    async def folders(self, container_id: str, *, carried: int) -> tuple[str, ...]:
        def work(client: docker.APIClient) -> tuple[str, ...]:
            body = client.inspect_container(container_id)
            return translate.folders(body, self._layers.of(body), carried=carried)

        return await self._looks.call(work, timeout=_QUICK)

    async def volumes_of(self, container_id: str) -> MountedVolumes:
        return await self._looks.call(lambda client: volumes.of(client, container_id), timeout=_QUICK)

    async def volumes(self) -> Volumes:
        return await self._whole.call(lambda client: volumes.found(client, self._cluster), timeout=_QUICK)

    async def volume_folder(self, name: str) -> str | None:
        return await self._looks.call(lambda client: volumes.folder(client, name), timeout=_QUICK)

    async def remove_volume(self, name: str) -> None:
        await self._removals.call(lambda client: volumes.remove(client, name, self._cluster), timeout=_SLOW)

    async def load(self, file: Path, reference: str) -> None:
        await self._waits.call(lambda client: tarball.load(client, file, reference), timeout=_LOAD)

    async def put_files(self, container_id: str, files: Sequence[File]) -> None:
        data = archive.to_tar(files)
        await self._looks.call(lambda client: client.put_archive(container_id, "/", data), timeout=_QUICK)

    async def read_file(self, container_id: str, path: str) -> File | None:
        return await self._looks.call(lambda client: archive.read(client, container_id, path), timeout=_QUICK)

    async def has_file(self, container_id: str, path: str) -> bool:
        return await self._looks.call(lambda client: archive.has(client, container_id, path), timeout=_QUICK)

    async def image(self, reference: str) -> Image | None:
        return await self._whole.call(lambda client: named.find(client, reference), timeout=_QUICK)

    async def images(self) -> tuple[str, ...]:
        def work(client: docker.APIClient) -> tuple[str, ...]:
            tags = {tag for row in client.images() for tag in row.get("RepoTags") or ()}
            return tuple(sorted(tags - {translate.UNNAMED}))

        return await self._whole.call(work, timeout=_QUICK)

    async def stock(self) -> tuple[Stocked, ...]:
        def work(client: docker.APIClient) -> tuple[Stocked, ...]:
            used = {row["ImageID"] for row in client.containers(all=True)}
            return translate.stock(client.images(), used)

        return await self._whole.call(work, timeout=_QUICK)

    async def pull(
        self, reference: str, progress: Callable[[PullProgress], None], *, as_node: bool = False
    ) -> None:
        if image_name.own(reference):
            raise foreign(reference)
        repository, version = image_name.repository(reference)
        api, credentials = await self._whole.call(
            lambda client: (client.api_version, _credentials(repository)), timeout=_QUICK
        )
        meter = PullMeter(reference)
        progress(PullProgress(percent=None, message="asking the registry"))
        try:
            async with self._stream.open(
                "POST",
                f"/v{api}/images/create",
                params={"fromImage": repository, "tag": version},
                headers=credentials if as_node else {},
                silence=_SILENCE,
            ) as lines:
                async for line in lines:
                    if (step := meter.read(line)) is not None:
                        progress(step)
        except (RuntimeUnavailable, RuntimeTimeout):
            raise
        except EngineError as error:
            said = error.said if isinstance(error, ImagePullFailed) else error.message
            hint = WITHHELD if credentials and not as_node else error.hint
            raise unpulled.refused(reference, said, hint=hint) from error

    async def rename(self, container_id: str, name: str) -> None:
        await self._looks.call(lambda client: client.rename(container_id, name), timeout=_QUICK)

    async def commit(self, container_id: str, reference: str, labels: Mapping[str, str]) -> None:
        await self._waits.call(
            lambda client: commit.commit(client, container_id, reference, labels, most=self._most_layers),
            timeout=_COMMIT,
        )

    async def snapshot(
        self, container_id: str, reference: str, labels: Mapping[str, str], *, without: str
    ) -> None:
        await self._waits.call(
            lambda client: snapshot.take(client, container_id, reference, labels, without=without),
            timeout=_COPY,
        )

    async def save(self, reference: str, file: Path) -> str:
        return await self._waits.call(lambda client: snapshot.save(client, reference, file), timeout=_COPY)

    async def written(self, container_id: str) -> int:
        return await self._waits.call(
            lambda client: commit.written(client, container_id, most=self._most_layers), timeout=_SLOW
        )

    async def changes(self, container_id: str, told: Callable[[Sequence[Change]], None]) -> None:
        await self._waits.call(lambda client: contents.changes(client, container_id, told), timeout=_COPY)

    async def files(self, container_id: str, told: Callable[[Sequence[Entry]], None]) -> None:
        await self._waits.call(lambda client: contents.files(client, container_id, told), timeout=_COPY)

    async def files_of_image(self, reference: str, told: Callable[[Sequence[Entry]], None]) -> None:
        await self._waits.call(lambda client: contents.files_of_image(client, reference, told), timeout=_COPY)

    async def tag(self, reference: str, name: str) -> None:
        repository, version = image_name.repository(name)
        await self._whole.call(
            lambda client: client.tag(reference, repository, tag=version, force=True), timeout=_QUICK
        )

    async def remove_image(self, reference: str) -> None:
        def work(client: docker.APIClient) -> None:
            with contextlib.suppress(docker.errors.ImageNotFound):
                contents.let_go(client, reference)
                client.remove_image(reference)

        await self._removals.call(work, timeout=_SLOW)

    async def make_volume(self, volume: EngineVolume) -> None:
        await self._whole.call(
            lambda client: client.create_volume(volume.name, labels=dict(volume.labels)), timeout=_QUICK
        )

    async def ensure_network(self, name: str) -> str:
        return await self._whole.call(
            lambda client: networks.ensure(client, name, self._cluster), timeout=_SLOW
        )

    async def events(self) -> AsyncGenerator[RuntimeEvent, None]:
        version = await self._whole.call(lambda client: client.api_version, timeout=_QUICK)
        filters = {
            "type": ["container"],
            "label": [f"{CLUSTER_LABEL}={self._cluster}"],
            "event": list(_ACTIONS),
        }
        params = {"filters": json.dumps(filters)}
        try:
            async with self._stream.open("GET", f"/v{version}/events", params=params) as lines:
                yield RuntimeEvent(container_id="", name="", action=SUBSCRIBED, labels={}, time=0)
                async for line in lines:
                    yield translate.event(line)
        except RuntimeTimeout as error:
            raise RuntimeUnavailable(error.message) from error
        finally:
            self._version = None  # what comes back may be another engine
            await self.aclose()
        raise RuntimeUnavailable("the container engine closed its event stream")

    async def aclose(self) -> None:
        for threads in (self._whole, self._looks, self._work, self._removals, self._waits):
            threads.close()

    def _threads(self, name: str, *, width: int = WIDTH, hold: float = HOLD) -> EngineThreads:
        return EngineThreads(self._connect, knock=self._knock, width=width, name=name, hold=hold)

    def _knock(self) -> None:
        """Fails at once, and without a trace, where nothing listens; the SDK would leave a socket open."""
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(_QUICK)
            knock.connect(self._socket)

    def _connect(self) -> docker.APIClient:
        """A client of one thread. The version is asked for once, and again after the engine went away."""
        if self._version is None:
            with contextlib.closing(self._client(engine_socket.written(engine_socket.OLDEST))) as asking:
                self._version = engine_socket.version(asking.version(api_version=False))
        return self._client(self._version)

    def _client(self, version: str) -> docker.APIClient:
        return docker.APIClient(base_url=f"unix://{self._socket}", version=version, timeout=round(_QUICK))

    def _list(self, client: docker.APIClient) -> Listing:
        rows = client.containers(all=True, filters={"label": f"{CLUSTER_LABEL}={self._cluster}"})
        return [translate.listed(row) for row in rows]

    def _inspect(self, client: docker.APIClient, name_or_id: str) -> Container | None:
        try:
            body = client.inspect_container(name_or_id)
        except docker.errors.NotFound:
            return None
        container = translate.container(body)
        if container.state is ContainerState.RUNNING and container.pid is not None:
            self._sight.check(container.id, container.pid)
            if container.labels.get(CLUSTER_LABEL) == self._cluster:
                self._squeezed.take_back(container.id, container.pid)
        return container if container.labels.get(CLUSTER_LABEL) == self._cluster else None

    async def _end_leftovers(self, container_id: str) -> int:
        ended = await leftovers.end(container_id)
        if not ended:
            self._sight.require()
        return ended

    async def _until(
        self,
        work: Callable[[docker.APIClient], Any],
        container_id: str,
        is_so: Callable[[Container], bool],
    ) -> None:
        """Do it; a refusal counts as success when the container is as wanted all the same."""
        try:
            await self._looks.call(work, timeout=_QUICK)
        except (WrongState, EngineRefused) as error:
            container = await self.inspect(container_id)
            if container is None:
                raise NotFound("the engine has no such container") from error
            if not is_so(container):
                raise WrongState(f"the container is {container.state}", hint=error.message) from error


def _is_paused(container: Container) -> bool:
    return container.state is ContainerState.PAUSED


def _is_running(container: Container) -> bool:
    return container.state is ContainerState.RUNNING


def _holder(client: docker.APIClient, *, port: int | None) -> tuple[str | None, set[int]]:
    """Whoever has the port, a container of this engine or else a process of this machine; and every port in
    use."""
    rows = client.containers()
    others = {*port_holder.published(rows), *port_holder.listening()}
    if port is None:
        return None, others
    for row in rows:
        if port in port_holder.published([row]):
            return f"container {row['Names'][0].lstrip('/')}", others
    return port_holder.holder(port), others


def _credentials(repository: str) -> dict[str, str]:
    """What this machine's Docker configuration has for the image's registry."""
    registry, _ = docker.auth.resolve_repository_name(repository)
    found = docker.auth.load_config().resolve_authconfig(registry)
    return {"X-Registry-Auth": docker.auth.encode_header(found).decode("ascii")} if found else {}
