"""What the agent knows of one VPS beyond what the engine shows, and how it learns it. Pure.

`learn` runs before every `decide`: it compares what was known with what is seen now, and settles whose doing
an exit was, whether a restart request has been carried out, and how long to back off. `Durable` is the part
that must outlive the agent (journal.py); `seed.py` makes a memory for a VPS met for the first time.

A *run* is one start of one container, named by the engine's start time: compared for equality only.
"""

import dataclasses
import enum

from kohakuriver.agent.deciding import labels, restart
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources.vps import RunState

ENGINE_STOPS_WITHIN = 20.0  # seconds an engine takes at most to end its containers before it goes away


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
    passed_over: int = 0  # its owner's last word that came to nothing, as there was no image to begin from


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
    copying_until: float = 0.0  # its files are being taken into an image: looked at again then
    unstartable: str | None = None  # the container, by id, that the engine will not start again
    taken_ports: tuple[int, ...] = ()  # that strangers held when it was to start
    starting: Starting | None = None


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


def learn(memory: Memory, desired: Desired, observed: Container | None, now: float) -> Memory:
    """What is known after looking at the container once more."""
    if memory.trouble is not None and memory.trouble.asked != asked(desired):
        memory = dataclasses.replace(memory, trouble=None)
    if observed is None or not labels.is_for(observed, desired):
        gone = dataclasses.replace(memory, exit=None, was_up=False, was_paused=False, starting=None)
        return _mark(_requests(gone, desired, None), desired, None)
    memory = _settled(_container(memory, observed), observed)
    memory = _pass_over(memory, desired, observed)
    memory = _run(memory, observed, now)
    memory = _exit(memory, desired, observed, now)
    memory = _mark(_requests(memory, desired, observed), desired, observed)
    paused = observed.state is ContainerState.PAUSED
    return dataclasses.replace(
        memory,
        name=observed.name,
        base=labels.image_of(observed),
        was_up=observed.is_up,
        was_paused=paused or _lost_memory(memory, observed),
    )


def overtaken(memory: Memory, start: Starting, found: Container | None, now: float) -> Memory:
    """The agent stopped what that start might bring up: a run that came of it, which may be judged already,
    was ended by the agent, whatever is declared by now."""
    run = run_of(found) if found is not None and not found.is_up else None
    if run is None or run == start.run:
        return memory
    durable = dataclasses.replace(memory.durable, stopped_run=run)
    last = memory.exit
    if last is None or last.run != run:
        return dataclasses.replace(memory, durable=durable)
    ended = dataclasses.replace(last, cause=Cause.DECLARED, retry_at=now)
    return dataclasses.replace(memory, durable=durable, exit=ended, failures=0)


def engine_lost(memory: Memory, now: float) -> Memory:
    """The engine is away: what ends meanwhile, or ended a moment ago, is not the program's doing."""
    ended = memory.exit
    if ended is not None and ended.cause is not Cause.DECLARED and now - ended.at < ENGINE_STOPS_WITHIN:
        # Judged anew when the engine is back.
        return dataclasses.replace(
            memory, exit=None, interrupted_run=ended.run, failures=max(0, memory.failures - 1)
        )
    return dataclasses.replace(memory, interrupted_run=memory.run) if memory.was_up else memory


def _settled(memory: Memory, observed: Container) -> Memory:
    """A start that was asked for has come through once there is another run than before, or it is up."""
    asked_for = memory.starting
    if asked_for is None:
        return memory
    is_same = (asked_for.container, asked_for.run) == (observed.id, run_of(observed))
    return memory if is_same and not observed.is_up else dataclasses.replace(memory, starting=None)


def _container(memory: Memory, observed: Container) -> Memory:
    if memory.container_id == observed.id:
        return memory
    return dataclasses.replace(
        memory,
        container_id=observed.id,
        run=None,
        running_since=None,
        restarts=0,
        exit=None,
        was_paused=False,
    )


def _pass_over(memory: Memory, desired: Desired, observed: Container) -> Memory:
    """A word is for what there is when it is given: an Environment that somebody makes later does not bring
    it about."""
    if not desired.around.no_image or desired.replace_files <= heard(memory, observed):
        return memory
    durable = dataclasses.replace(memory.durable, passed_over=desired.replace_files)
    return dataclasses.replace(memory, durable=durable)


def _run(memory: Memory, observed: Container, now: float) -> Memory:
    run = run_of(observed)
    if run is None:
        return memory
    if memory.run != run:
        again = memory.run is not None
        memory = dataclasses.replace(
            memory,
            run=run,
            running_since=None,
            restarts=memory.restarts + again,
            exit=None,
            was_paused=False,
            touched_from_outside=memory.touched_from_outside and not observed.is_up,
        )
    if not observed.is_up:
        return memory
    since = now if memory.running_since is None else memory.running_since
    failures = 0 if now - since >= restart.FORGIVEN_AFTER else memory.failures
    return dataclasses.replace(
        memory, running_since=since, failures=failures, exit=None, interrupted_run=None
    )


def _exit(memory: Memory, desired: Desired, observed: Container, now: float) -> Memory:
    if observed.state is not ContainerState.EXITED or memory.run is None:
        return memory
    if memory.exit is not None:
        if desired.run_state is RunState.STOPPED and memory.exit.cause is not Cause.DECLARED:
            agreed = dataclasses.replace(memory.exit, cause=Cause.DECLARED, retry_at=now)
            durable = dataclasses.replace(memory.durable, stopped_run=memory.run)
            return dataclasses.replace(memory, exit=agreed, failures=0, durable=durable)
        return memory
    cause = _cause(memory, declared=desired.is_halted)
    failures = 0 if cause in (Cause.DECLARED, Cause.ENGINE) else memory.failures + 1
    wait = restart.delay(failures) if failures else 0.0
    ended = Exit(memory.run, cause, at=now, retry_at=now + wait)
    return dataclasses.replace(
        memory, exit=ended, failures=failures, touched_from_outside=False, interrupted_run=None
    )


def _cause(memory: Memory, *, declared: bool) -> Cause:
    if declared or memory.durable.stopped_run == memory.run:
        return Cause.DECLARED
    if memory.interrupted_run == memory.run:
        return Cause.ENGINE
    return Cause.OUTSIDE if memory.touched_from_outside else Cause.PROGRAM


def _requests(memory: Memory, desired: Desired, observed: Container | None) -> Memory:
    """Take up a new restart request, and see whether the one taken up is done."""
    durable = memory.durable
    current = run_of(observed) if observed is not None else None
    pending = durable.restart
    if pending is not None and current is not None and current != pending.run:
        durable = dataclasses.replace(durable, handled_request=pending.request, restart=None)
    if desired.restart_request == durable.handled_request or desired.deleting:
        durable = dataclasses.replace(durable, restart=None)
    elif desired.is_halted:
        # The start that ends the stop is a start of its own: nothing is left to do.
        durable = dataclasses.replace(durable, handled_request=desired.restart_request, restart=None)
    elif durable.restart is None or durable.restart.request != desired.restart_request:
        run = durable.restart.run if durable.restart is not None else current
        durable = dataclasses.replace(durable, restart=Restart(desired.restart_request, run))
    return dataclasses.replace(memory, durable=durable)


def _mark(memory: Memory, desired: Desired, observed: Container | None) -> Memory:
    """Note which run is about to be ended or frozen, before anything is done to it."""
    if observed is None or not observed.is_up:
        return memory
    durable, run = memory.durable, memory.run
    wanted_down = desired.deleting or desired.is_halted or desired.limits is None
    restarting = durable.restart is not None and durable.restart.run == run
    restarting = restarting or replaces_files(memory, desired, observed)
    stopped = run if wanted_down or restarting else None
    frozen = run if desired.run_state is RunState.PAUSED else None
    return dataclasses.replace(
        memory,
        durable=dataclasses.replace(durable, stopped_run=stopped),
        paused_run=frozen if observed.state is ContainerState.RUNNING else memory.paused_run,
    )


def _lost_memory(memory: Memory, observed: Container) -> bool:
    """Whether this run was frozen when it ended, so that what was in memory is gone."""
    return memory.was_paused and observed.state is ContainerState.EXITED
