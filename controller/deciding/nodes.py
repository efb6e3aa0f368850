"""Which nodes are lost: one pure function over what this controller has heard.

Silence is proven, not presumed. The controller writes a Lease of its own (`heartbeat.py`), and the watch
that brings that write back has by then brought every renewal made before it, so a node's silence is counted
up to the moment of that write and no further (`ears.py`). A stalled watch, a frozen etcd or a server that
was away therefore makes nobody lost.
"""

import dataclasses
from collections.abc import Collection


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How patient to be, in seconds."""

    loss: float = 10.0  # of silence before a node is lost; a Lease that says more gets more
    tick: float = 1.0  # between two judgements
    hold: float = 60.0  # of excuse for nodes not yet heard in a view that is cold or had a gap
    brake: float = 60.0  # of delay when most nodes vanish at the same moment
    beat: float = 2.0  # between two writes of the controller's own Lease
    gap: float = 5.0  # without such a write coming back before the view counts as interrupted
    skip: float = 2.0  # by which the controller's own loop may be late before it trusts no age


BRAKE_FROM = 4  # nodes; with fewer, all gone at once is an ordinary event


@dataclasses.dataclass(frozen=True, slots=True)
class Hearing:
    """What is known of one node, on the controller's own monotonic clock."""

    name: str
    heard: float | None  # its last renewal; None: none in this view yet
    excused_until: float
    patience: float  # seconds: the limit that holds for this node
    is_marked: bool  # a controller has already written that it is silent


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    """This node is silent: mark it, unless it is, and every VPS bound to it."""

    name: str
    silent_for: float
    is_marked: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """What to do now, and what to remember for the next time."""

    lost: tuple[Lost, ...]
    held_back: tuple[str, ...]  # overdue, and spared by the brake
    braking_since: float | None


def judge(
    hearings: Collection[Hearing], *, known_until: float, braking_since: float | None, limits: Limits
) -> Judgement:
    """Which nodes are lost, given that everything written before `known_until` has been heard."""
    overdue = [hearing for hearing in hearings if known_until > hearing.excused_until]
    fresh = [hearing for hearing in overdue if not hearing.is_marked]
    alive = [hearing for hearing in hearings if not hearing.is_marked]
    vanished = [hearing for hearing in alive if _is_quiet(hearing, known_until)]
    spared: tuple[str, ...] = ()
    if fresh and len(alive) >= BRAKE_FROM and 2 * len(vanished) > len(alive):
        braking_since = known_until if braking_since is None else braking_since
        if known_until - braking_since < limits.brake:
            names = {hearing.name for hearing in vanished}
            spared = tuple(sorted(hearing.name for hearing in fresh if hearing.name in names))
    else:
        braking_since = None
    lost = tuple(
        Lost(hearing.name, _silence(hearing, known_until), hearing.is_marked)
        for hearing in overdue
        if hearing.name not in spared
    )
    return Judgement(lost, spared, braking_since)


def is_suspect(hearing: Hearing, now: float) -> bool:
    """Whether this node would be lost if everything had been heard: worth a proof at once."""
    return not hearing.is_marked and now > hearing.excused_until


def _is_quiet(hearing: Hearing, known_until: float) -> bool:
    """Whether it has missed a renewal by now: those that vanish together do so within one period."""
    return hearing.heard is not None and known_until - hearing.heard > hearing.patience / 2


def _silence(hearing: Hearing, known_until: float) -> float:
    since = hearing.excused_until - hearing.patience if hearing.heard is None else hearing.heard
    return max(0.0, known_until - since)
