"""What the agent wants of a container engine.

The loop decides and calls a `Runtime`; `docker.py` carries it out on Docker, tests/fakes/runtime.py in
memory, and tests/agent/runtime_contract.py holds both to the same rules. Nothing here knows an engine, a VPS
or the API server, and nothing here decides.

Rules that every implementation keeps:
* It sees containers that carry its cluster's label, and no others.
* "Already so" is success: starting what runs, stopping what is stopped, removing what is gone. Anything
  else asked of a container that is gone is NotFound.
* It raises only what errors.py lists. After `RuntimeTimeout` the caller must look before it acts again.
* No call waits for ever, whatever the engine does, and none that hangs at one container keeps what is asked
  of another, or of the whole engine, waiting. Of one container one look, one start and one removal are out
  at a time, however often they are asked for.
"""

import dataclasses
import enum
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

LABEL_PREFIX = "kohakuriver.io/"
CLUSTER_LABEL = f"{LABEL_PREFIX}cluster"
COMMIT_CLUSTER_LABEL = f"{LABEL_PREFIX}commit-cluster"  # on images of containers, in place of the first
WHOLE = "-whole"  # at the end of an image's name: what an Environment is just being made of
REFERENCE_LABEL = f"{LABEL_PREFIX}reference"  # the name by which a container's image was asked for
SUBSCRIBED = "subscribed"
"""The action of the first item of every event stream: from here on nothing is missed, so list now."""
LOOK_WITHIN = 5.0  # seconds that a look at one container waits for its answer


class ContainerState(enum.StrEnum):
    """What the engine says a container is doing."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What a container may use at most. Swap is not added to memory."""

    millicores: int
    memory: int  # bytes
    cpuset: str = ""  # the cores it runs on ("0-3,8"); "" for all of them, or in an update for no change
    is_weighed: bool = True  # whether busy cores are divided in proportion to these millicores


@dataclasses.dataclass(frozen=True, slots=True)
class PortBinding:
    """One TCP port of the container, published on the node."""

    container_port: int
    host_address: str
    host_port: int


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A regular file inside a container, owned by root unless said otherwise."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Bind:
    """A path of the node, which must exist, seen in the container."""

    source: str
    target: str
    read_only: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeMount:
    """A volume of the engine, made with these labels where there is none of its name."""

    name: str
    target: str
    labels: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class EngineVolume:
    """A volume of this cluster."""

    name: str
    labels: Mapping[str, str]


Volumes = tuple[EngineVolume, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class MountedVolume:
    """A volume that a container has, and where its files are."""

    name: str  # of the engine
    target: str  # in the container
    folder: str  # of this machine


MountedVolumes = tuple[MountedVolume, ...]


class ChangeKind(enum.StrEnum):
    """What became of a file."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A file of a container that differs."""

    path: str
    kind: ChangeKind


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A file, and a mark that is the same as long as nobody touches it: of its type, mode, owner, size, time
    and where it leads. Bytes of its path that are not UTF-8 are halves of characters (surrogateescape)."""

    path: str
    mark: bytes
    link: str = ""  # it is another name of this file, and without a mark


@dataclasses.dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to make. `labels` must carry the cluster's label; an empty command is the keep-alive."""

    name: str
    image: str
    hostname: str
    labels: Mapping[str, str]
    limits: Limits
    network: str
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    command: tuple[str, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    files: tuple[File, ...] = ()
    binds: tuple[Bind, ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    gpus: tuple[str, ...] = ()  # UUIDs of devices to ask the engine for
    privileged: bool = False
    cap_add: tuple[str, ...] = ()  # beside the default of a VPS, which is less than the engine's
    cap_drop: tuple[str, ...] = ()
    no_new_privileges: bool = False
    anonymous: tuple[tuple[str, str], ...] = ()  # volumes of an earlier container, and where they are seen


@dataclasses.dataclass(frozen=True, slots=True)
class Container:
    """One container as the engine has it. Times are RFC 3339 texts of the engine's clock, to show only."""

    id: str
    name: str
    image: str
    image_id: str
    labels: Mapping[str, str]
    state: ContainerState
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    exit_code: int | None = None  # of the last run; None while it has not ended
    oom_killed: bool = False
    pid: int | None = None
    ip: str | None = None
    limits: Limits | None = None
    ports: tuple[PortBinding, ...] = ()
    anonymous: tuple[tuple[str, str], ...] = ()  # volumes that nobody named, and where they are seen
    error: str = ""

    @property
    def is_up(self) -> bool:
        """Whether its processes exist, frozen or not."""
        return self.state in {ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING}


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """One container as the engine's list has it, which asks for none by itself."""

    id: str
    name: str
    image: str
    image_id: str
    labels: Mapping[str, str]
    state: ContainerState
    is_old: bool = False  # whether it says of itself that it is in this state for a minute or longer

    def partly(self) -> Container:
        """As much of the container as this says."""
        return Container(
            self.id, self.name, self.image, self.image_id, self.labels, self.state, created_at=""
        )


Listing = list[Listed]


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An image that the engine has."""

    id: str
    size: int  # bytes
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    env: tuple[str, ...] = ()  # names of the variables that it sets
    built: str = ""  # when, in RFC 3339; empty where the engine does not tell


@dataclasses.dataclass(frozen=True, slots=True)
class Stocked:
    """One name of an image that the engine has."""

    name: str  # in full, as image_name.full has it
    id: str
    size: int  # bytes
    labels: Mapping[str, str]
    is_used: bool  # by any container of the engine, of this cluster or not


@dataclasses.dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine and the machine it runs on."""

    id: str
    name: str
    version: str
    cores: int
    memory: int  # bytes
    root_dir: str
    storage_driver: str
    operating_system: str
    kernel: str
    architecture: str
    remaps_users: bool = False  # whether root in a container is another user of the machine (userns-remap)
    root: tuple[int, int] = (0, 0)  # that user and its group, as far as the engine tells


@dataclasses.dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull has come. `percent` is None until the engine knows the sizes."""

    percent: int | None
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class RuntimeEvent:
    """Something happened to a container; a hint to look, never the truth about it."""

    container_id: str
    name: str
    action: str  # create, start, die, oom, pause, unpause, stop, kill, rename, update, destroy, or SUBSCRIBED
    labels: Mapping[str, str]
    time: float  # the engine's clock


def ignored(warning: str) -> None:
    """For who does not want to hear it."""


class Runtime(Protocol):
    """One container engine, seen by one cluster."""

    async def info(self) -> EngineInfo:
        """The engine and its machine."""
        ...

    async def list(self) -> Listing:
        """Every container of this cluster, in any state, in short; what hangs at one of them is no matter."""
        ...

    async def inspect(self, name_or_id: str) -> Container | None:
        """One container of this cluster in full, or None. RuntimeTimeout after LOOK_WITHIN seconds."""
        ...

    async def create(self, spec: ContainerSpec, *, warned: Callable[[str], None] = ignored) -> str:
        """Make a container, write its files, and return its id. It does not run yet. `warned` hears what of
        the spec the engine does not keep to. Of its image it takes over no label of ours, no health check,
        and nothing that asks for GPUs.

        Raises NameTaken with the id of what has the name, so that a retry finds the first result. What
        an interrupted create left behind may lack its files: `put_files` before starting it.
        """
        ...

    async def start(self, container_id: str) -> None:
        """Start it. Raises PortTaken when a published port is in use on the node."""
        ...

    async def stop(self, container_id: str, grace: float) -> None:
        """Ask it to end, and kill it after `grace` seconds; return when it has ended. Paused ones too."""
        ...

    async def kill(self, container_id: str) -> None:
        """End it now."""
        ...

    async def pause(self, container_id: str) -> None:
        """Freeze its processes. Raises WrongState when it does not run."""
        ...

    async def unpause(self, container_id: str) -> None:
        """Let frozen processes go on. Raises WrongState when there are none."""
        ...

    async def remove(self, container_id: str, *, force: bool = False) -> None:
        """Remove it with its anonymous volumes; `force` kills it first. Returns when nothing is left."""
        ...

    async def end_leftovers(self, container_id: str) -> int:
        """End what still runs of a container that the engine takes for ended, or has no more; how many
        processes that were. One that is up is left alone. Raises EngineRefused where they stay, and where
        none that may be there could be seen."""
        ...

    def blind(self) -> str:
        """Why what still runs of a container cannot be seen, as far as is known; empty where it can."""
        ...

    async def volumes(self) -> Volumes:
        """Every named volume of this cluster."""
        ...

    async def make_volume(self, volume: EngineVolume) -> None:
        """Make a volume of this cluster, which its labels must say, unless it is there."""
        ...

    async def remove_volume(self, name: str) -> None:
        """Remove a volume of this cluster. Raises EngineRefused while a container has it."""
        ...

    async def volumes_of(self, container_id: str) -> MountedVolumes:
        """The volumes of a container, named or not, by target. Raises NotFound, and EngineRefused where their
        files are not to be seen from here."""
        ...

    async def volume_folder(self, name: str) -> str | None:
        """The folder of this machine with the files of a volume; None where there is no such volume. A
        container has what is in its place when it starts. Raises EngineRefused where that is not to be seen
        from here."""
        ...

    async def folders(self, container_id: str, *, carried: int) -> tuple[str, ...]:
        """The folders of this machine below which lies what has been written in a container: its own layer,
        those of the last `carried` layers of its image, and its volumes. Raises NotFound, and EngineRefused
        where the engine keeps files otherwise."""
        ...

    async def update(self, container_id: str, limits: Limits) -> None:
        """Change its limits, running or not. Raises EngineRefused where its programs use more memory."""
        ...

    async def put_files(self, container_id: str, files: Sequence[File]) -> None:
        """Write files into it in one call, running or not; folders on the way are made."""
        ...

    async def read_file(self, container_id: str, path: str) -> File | None:
        """A small regular file of it (at most 1 MiB), or None where there is none."""
        ...

    async def has_file(self, container_id: str, path: str) -> bool:
        """Whether the path exists in it; cheap."""
        ...

    async def image(self, reference: str) -> Image | None:
        """An image by its name, in any spelling of that, but never by its id; or None."""
        ...

    async def rename(self, container_id: str, name: str) -> None:
        """Give it another name. Raises NameTaken."""
        ...

    async def commit(self, container_id: str, reference: str, labels: Mapping[str, str]) -> None:
        """Make an image of the files in a container. What runs in it is neither paused for that nor thawed.

        It is configured as the image that the container was made from, with these labels added; nothing of
        the container's own labels and env is in it. Raises EngineRefused. It may take hours, and the engine
        goes on with one that nobody waits for any more.
        """
        ...

    async def snapshot(
        self, container_id: str, reference: str, labels: Mapping[str, str], *, without: str
    ) -> None:
        """As `commit`, of a container that may run, for others: one layer, which one folder is not in."""
        ...

    async def save(self, reference: str, file: Path) -> str:
        """Write an image to a file, as `docker save` does. Returns the file's digest (`sha256:…`)."""
        ...

    async def written(self, container_id: str) -> int:
        """How many bytes of disk a commit of it takes; may be slow."""
        ...

    async def changes(self, container_id: str, told: Callable[[Sequence[Change]], None]) -> None:
        """What differs in a container, in any state, from the image that it was made from. `told` hears of it
        in portions, in a thread and in no order. The engine waits for it, and what it raises ends it all."""
        ...

    async def files(self, container_id: str, told: Callable[[Sequence[Entry]], None]) -> None:
        """Every file of a container but those that are mounted, told in the same way: each by one path, and
        by its others after that."""
        ...

    async def files_of_image(self, reference: str, told: Callable[[Sequence[Entry]], None]) -> None:
        """The same of an image. Raises ImageMissing."""
        ...

    async def tag(self, reference: str, name: str) -> None:
        """Give an image another name too, whatever had that name before. Raises ImageMissing."""
        ...

    async def remove_image(self, reference: str) -> None:
        """Take a name away, and with it the image where nothing else needs that. The last name of an image
        that a container was made of stays."""
        ...

    async def images(self) -> tuple[str, ...]:
        """The names of the images that the engine has, sorted."""
        ...

    async def stock(self) -> tuple[Stocked, ...]:
        """Every name by which the engine has an image, sorted."""
        ...

    async def pull(
        self, reference: str, progress: Callable[[PullProgress], None], *, as_node: bool = False
    ) -> None:
        """Fetch an image from its registry, but none that is named like our own. Cancelling ends it.

        The registry gets the credentials that this machine has for it where it is asked `as_node`, else none.
        """
        ...

    async def load(self, file: Path, reference: str) -> None:
        """Make an image of that name from a tarball, written by `docker save` or `docker export`.

        No other name that the tarball carries is given to anything. Raises ImagePullFailed.
        """
        ...

    async def ensure_network(self, name: str) -> str:
        """Make the cluster's bridge network, without traffic between containers, unless it is there.

        Returns the name of its bridge on the node.
        """
        ...

    def events(self) -> AsyncGenerator[RuntimeEvent, None]:
        """What happens from now on, first of all one SUBSCRIBED. Ends with RuntimeUnavailable."""
        ...

    async def aclose(self) -> None:
        """Let go of the engine; containers go on."""
        ...
