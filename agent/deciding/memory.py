"""What the agent knows of one VPS beyond what the engine shows. Pure.

`Durable` is the part that must outlive the agent (journal.py); `seed.py` makes a memory for a VPS met for the
first time, and `learn.py` brings it up to what is seen.

A *run* is one start of one container, named by the engine's start time: compared for equality only.
"""

import dataclasses
import enum
from typing import Any

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.runtime.base import Container


class Cause(enum.Enum):
    """Whose doing an exit was."""

    PROGRAM = "it ended by itself"
    OUTSIDE = "somebody stopped it behind the agent's back"
    ENGINE = "the engine or the machine went down under it"
    DECLARED = "the agent stopped it, as declared"


class ImageState(enum.Enum):
    """What is known of the image a VPS needs."""

    USABLE = "create and see"
    ABSENT = "the engine does not have it"
    PULLING = "on its way"
    FAILED = "could not be fetched"


@dataclasses.dataclass(frozen=True, slots=True)
class ImageView:
    """How the image stands now; a failed one is tried again at `retry_at`."""

    state: ImageState = ImageState.USABLE
    message: str = ""
    retry_at: float = 0.0
    reason: str = ""  # of `reasons.py`, where it has failed often for what lasts


@dataclasses.dataclass(frozen=True, slots=True)
class Exit:
    """The end of one run."""

    run: str
    cause: Cause
    at: float  # when it was learned
    retry_at: float
    hint: str = ""  # what is known of why, beyond the exit code


@dataclasses.dataclass(frozen=True, slots=True)
class Restart:
    """A request to restart, done once the container runs with another start time."""

    request: str
    run: str | None  # the run that was there when it was asked


@dataclasses.dataclass(frozen=True, slots=True)
class Recreation:
    """A container is being made anew, and what is to be carried over."""

    old: str  # the id of the container that it is to replace
    run: str | None  # that one's last run
    image: str  # with its files; empty where they are given up
    base: str  # the declared image that its files began from
    volumes: tuple[tuple[str, str], ...] = ()  # that nobody named, and where they are seen
    word: int = 0  # its owner's, with which those files began
    snapshot: str = ""  # the name of the Snapshot that they began from, where it was one
    kept_as: str = ""  # the name of the Snapshot that has what is given up


@dataclasses.dataclass(frozen=True, slots=True)
class Fill:
    """A volume of the engine that gets the files of one in a Snapshot."""

    volume: str  # the engine's name for it
    name: str  # in `spec.volumes`; "" for one that an image declares
    target: str
    size: int  # bytes
    digest: str  # of the archive


@dataclasses.dataclass(frozen=True, slots=True)
class Filling:
    """Volumes get what a Snapshot has of them. What was in them stays beside them until a container has run
    with the new, and is put back where none is to run with that any more."""

    id: str  # in the names of the folders beside
    snapshot: str  # its uid
    title: str  # its name
    image: str  # with the other files of it
    word: int  # the owner's, by which it is done
    old: str = ""  # the container that is replaced; "" where there is none
    volumes: tuple[Fill, ...] = ()
    in_place: bool = False  # whether all of them are what the Snapshot has
    has_run: bool = False  # whether a container has run with that: what was there before is not put back


@dataclasses.dataclass(frozen=True, slots=True)
class Copying:
    """A commit: the engine goes on with it though the agent ends."""

    container: str
    run: str | None  # the last one of that container then
    engine: str  # the run of the engine that is at it; "" where that is not known
    unsure: bool = False  # noted before the engine was asked, so it may never have been


@dataclasses.dataclass(frozen=True, slots=True)
class KeptBack:
    """A re-creation for this spec after this run was refused: it goes on in its old container."""

    spec: str  # hash
    run: str | None
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Durable:
    """What must survive the agent, so that nothing is done twice."""

    handled_request: str = ""
    restart: Restart | None = None
    stopped_run: str | None = None  # the run that the agent ends or ended
    login: str | None = None  # hash of the login files that the container holds; None: not known
    recreation: Recreation | None = None
    recreated: bool = False  # images of its files may lie in the engine
    copying: Copying | None = None
    passed_over: int = 0  # its owner's last word that came to nothing, as there was nothing to begin from
    passed_why: str = ""  # what was in the way, where that is not plain from what is there now
    filling: Filling | None = None


SILENT = frozenset({"RuntimeTimeout", "ContainerSilent", "EngineSlow"})
"""Reasons of troubles in which what was last known stands: nobody knows whether it was done."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """The last try failed; the next is at `retry_at`, or at once when something else is asked."""

    reason: str
    message: str
    failures: int
    retry_at: float
    asked: tuple[bool, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Hold:
    """Why it may not be created or started yet, found before the engine is asked."""

    reason: str
    message: str
    failed: bool = False  # whether something must change first; else it passes by itself
    unheard: bool = False  # only until the API has heard that it is to run
    uncreated: bool = False  # whether no container may be made meanwhile either, as it would lack something


@dataclasses.dataclass(frozen=True, slots=True)
class SSHView:
    """How SSH stands in one run: waiting, ready or unavailable."""

    run: str
    state: str
    message: str = ""
    overdue: bool = False  # no answer for so long that the VPS counts as running without it


@dataclasses.dataclass(frozen=True, slots=True)
class Starting:
    """A start that was asked for and is not known to be over: its container may yet come up.

    The engine takes turns with the calls about one container, so it is over once a later stop is answered.
    """

    container: str  # its id
    run: str | None  # the last run there was before


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """What the agent knows of one VPS."""

    durable: Durable = Durable()
    container_id: str | None = None
    name: str = ""  # of that container, as last seen
    base: str = ""  # the image that its files began from
    run: str | None = None
    running_since: float | None = None
    was_up: bool = False
    was_paused: bool = False
    paused_run: str | None = None  # the run that the agent froze
    interrupted_run: str | None = None  # the run that was up when the engine went away
    restarts: int = 0
    failures: int = 0  # exits in a row
    exit: Exit | None = None
    touched_from_outside: bool = False  # the engine told of a kill or stop that was not ours
    trouble: Trouble | None = None
    image: ImageView = ImageView()
    ssh: SSHView | None = None
    host_key: str = ""
    hold: Hold | None = None
    kept_back: KeptBack | None = None
    copying_until: float = 0.0  # its files are being taken or brought: looked at again then
    copying: str = ""  # what that is, in words
    unstartable: str | None = None  # the container, by id, that the engine will not start again
    taken_ports: tuple[int, ...] = ()  # that strangers held when it was to start
    starting: Starting | None = None

    def noting(self, **changes: Any) -> "Memory":
        """The same, with these fields of what must outlive the agent."""
        return dataclasses.replace(self, durable=dataclasses.replace(self.durable, **changes))


def asked(desired: Desired) -> tuple[bool, int]:
    """Changes when the user asks for something else."""
    return desired.deleting, desired.generation


def run_of(container: Container) -> str | None:
    """The name of the container's present or last run: its start time, to the microsecond."""
    return moment(container.started_at) if container.started_at else None


def moment(text: str) -> str:
    """An RFC 3339 time in the one form that is compared and reported."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:6].ljust(6, '0')}Z"


def answered(memory: Memory) -> Memory:
    """The engine answers for the container, or again."""
    is_over = memory.trouble is not None and memory.trouble.reason == "ContainerSilent"
    return dataclasses.replace(memory, trouble=None) if is_over else memory


def replaces_files(memory: Memory, desired: Desired, container: Container) -> bool:
    """Whether its owner has given up the files of this container, which are still there."""
    return bool(desired.image) and desired.replace_files > heard(memory, container)


def heard(memory: Memory, container: Container) -> int:
    """Its owner's last word that was acted upon, or came to nothing."""
    return max(labels.word(container), memory.durable.passed_over)
