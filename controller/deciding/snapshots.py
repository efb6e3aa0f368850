"""Which Snapshots are to be taken, by the schedule of their VPS, and which have been kept long enough.

    a VPS, its Snapshots, now   ─► `decide`  ─► the minute that is due, those that go, when to look again
    a Snapshot, who waits, now  ─► `expires` ─► when it goes, by its own `keepFor`

A Snapshot of the schedule is named after the VPS and the minute that was due, so that two controllers create
one. What was missed is made up for once. The newest good one of a schedule always stays, and none goes that a
VPS without a container waits for. JSON is read by `snapshot_view.py`. Pure.
"""

import dataclasses
import datetime
from collections.abc import Sequence

from kohakuriver.resources import cron

Time = datetime.datetime

KEEP_LAST = 7  # where a plan says neither how many nor how long
KEEP_FAILED = 3
_MOMENT = "-%Y%m%d-%H%M"
LONGEST_NAME = 253


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A Snapshot, as far as it matters how long it stays."""

    name: str
    uid: str
    created: Time
    phase: str = ""  # empty: its node has not begun
    taken: Time | None = None
    of: str = ""  # the uid of its VPS
    node: str = ""
    is_scheduled: bool = False
    is_going: bool = False  # its deletion was asked for
    keep_for: float | None = None  # seconds

    @property
    def is_good(self) -> bool:
        return self.phase == "Ready"

    @property
    def is_bad(self) -> bool:
        return self.phase in ("Failed", "Lost")

    @property
    def at(self) -> Time:
        """When its files were so, or, where that is not known, when it was asked for."""
        return self.taken or self.created


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """A VPS that says how snapshots of it are taken."""

    name: str
    uid: str
    schedule: str = ""
    zone: str = ""
    keep_last: int | None = None
    keep_for: float | None = None  # seconds
    since: Time | None = None  # its files are from then, or what was due up to then has been seen to
    planned: Time | None = None  # it has had a plan since then, at most
    node: str = ""  # that has its container, and answers; empty: there is nothing to take now
    ended: Time | None = None  # when it last ran; None while it runs

    @property
    def most(self) -> int | None:
        """How many of the schedule stay; None where only their age counts."""
        if self.keep_last is None and self.keep_for is None:
            return KEEP_LAST
        return self.keep_last


@dataclasses.dataclass(frozen=True, slots=True)
class Removal:
    """A Snapshot that goes."""

    name: str
    uid: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for one VPS now."""

    due: Time | None = None  # a Snapshot is to be created for this minute
    skipped: Time | None = None  # this minute needs none: nothing can have changed since the last one
    removals: tuple[Removal, ...] = ()
    again: Time | None = None  # when to look again, unless something changes before


def decide(plan: Planned, kept: Sequence[Kept], now: Time, *, awaited: frozenset[str] = frozenset()) -> Step:
    """What the schedule of this VPS asks for. `kept` are the Snapshots of it, `awaited` the names of those
    that some VPS waits for. Raises ValueError where the schedule cannot be read."""
    scheduled = [one for one in kept if one.is_scheduled and one.of == plan.uid and not one.is_going]
    removals, oldest_goes = _removals(plan, scheduled, now, awaited)
    if not plan.schedule:
        return Step(removals=removals, again=oldest_goes)
    due = cron.latest(plan.schedule, plan.zone, now)
    next_ = cron.following(plan.schedule, plan.zone, now)
    again = min((one for one in (next_, oldest_goes) if one is not None), default=None)
    if due is None or due <= _covered(plan, scheduled):
        return Step(removals=removals, again=again)
    if not plan.node or any(_is_under_way(one, plan) for one in scheduled):
        return Step(removals=removals, again=again)
    if not _may_have_changed(plan, scheduled):
        return Step(skipped=due, removals=removals, again=again)
    return Step(due, removals=removals, again=again)


def name_of(vps: str, due: Time, *, uid: str = "") -> str:
    """The name of the Snapshot for this minute. A name that is cut has some of the uid of the VPS in it."""
    moment = due.astimezone(datetime.UTC).strftime(_MOMENT)
    if len(vps) + len(moment) > LONGEST_NAME:
        moment = f"-{uid[:8]}{moment}" if uid else moment
    return vps[: LONGEST_NAME - len(moment)].rstrip("-.") + moment


def expires(one: Kept) -> Time | None:
    """When it goes by its own `keepFor`; None: never, or not while it is as it is."""
    if one.keep_for is None or one.is_going:
        return None
    if one.is_good or one.phase == "Lost":
        return _later(one.at, one.keep_for)
    return _later(one.created, one.keep_for) if one.is_bad else None


def _covered(plan: Planned, scheduled: Sequence[Kept]) -> Time:
    """What was due up to here has been seen to. When a plan was made counts before its first Snapshot alone:
    that moment rises with every field that is set beside it."""
    times = [_due_of(one) for one in scheduled] or [plan.planned or _LONG_AGO]
    return max(*times, plan.since or _LONG_AGO)


def _due_of(one: Kept) -> Time:
    """The minute for which it was created, as its name says."""
    try:
        named = datetime.datetime.strptime(one.name[-len("-YYYYmmdd-HHMM") :], _MOMENT)  # noqa: DTZ007
    except ValueError:
        return one.created
    return named.replace(tzinfo=datetime.UTC)


def _is_under_way(one: Kept, plan: Planned) -> bool:
    """One on a node that the VPS has left may be so for ever."""
    return not one.is_good and not one.is_bad and one.node == plan.node


def _may_have_changed(plan: Planned, scheduled: Sequence[Kept]) -> bool:
    """Whether it has run since its files were last taken."""
    last = max((one.at for one in scheduled if one.is_good), default=None)
    return last is None or plan.ended is None or plan.ended >= last


def _removals(
    plan: Planned, scheduled: Sequence[Kept], now: Time, awaited: frozenset[str]
) -> tuple[tuple[Removal, ...], Time | None]:
    """Those of the schedule that go now, and when the next one does by its age."""
    good = sorted((one for one in scheduled if one.is_good), key=_newest_first)
    going = dict[str, Removal]()
    soonest: Time | None = None
    for place, one in enumerate(good[1:], 2):
        if plan.most is not None and place > plan.most:
            going[one.name] = Removal(one.name, one.uid, f"the schedule of {plan.name} keeps {plan.most}")
        elif plan.keep_for is not None:
            old = _later(one.at, plan.keep_for)
            if old <= now:
                going[one.name] = Removal(one.name, one.uid, f"it is older than {plan.name} keeps them")
            else:
                soonest = min(soonest, old) if soonest is not None else old
    bad = sorted((one for one in scheduled if one.is_bad), key=_newest_first)
    for place, one in enumerate(bad, 1):
        if good and _due_of(one) < _due_of(good[0]):
            going[one.name] = Removal(one.name, one.uid, "a later one has the files")
        elif place > KEEP_FAILED:
            going[one.name] = Removal(one.name, one.uid, f"of failed ones {KEEP_FAILED} stay")
    return tuple(one for name, one in sorted(going.items()) if name not in awaited), soonest


def _newest_first(one: Kept) -> tuple[float, str]:
    return -one.at.timestamp(), one.name


def _later(moment: Time, seconds: float) -> Time:
    try:
        return moment + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return _FAR_AWAY


_LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)
_FAR_AWAY = datetime.datetime.max.replace(tzinfo=datetime.UTC)
