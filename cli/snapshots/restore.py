"""`vps restore`: the files of a VPS are again those of a Snapshot; what is there is set aside first.

    the Snapshot that is meant ─► can it be? ─► one patch: filesFrom, replaceFiles, keepReplacedFiles ─► wait

Everything is checked before anything is changed. A stopped VPS stays stopped, and begins from it at its next
start.
"""

import dataclasses
import datetime
import sys
from typing import Annotated, Any

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.snapshots import choosing
from kohakuriver.cli.view import sections, snapshots, table
from kohakuriver.cli.view.standing import Reader
from kohakuriver.cli.vps import change, goals, keeping, waiting
from kohakuriver.cli.vps.change import Patience, WaitFor, patience
from kohakuriver.clock import SystemClock
from kohakuriver.resources.view import VPS, Fields, Snapshot

EXAMPLES = """
kohakuriver vps restore dev
kohakuriver vps restore dev dev-20261201-094500
kohakuriver vps restore dev@before-upgrade --yes
kohakuriver vps restore dev --undo
"""
_LISTED = 10  # snapshots, before somebody is asked

Id = Annotated[
    str | None,
    typer.Argument(metavar="ID", show_default=False, help="The VPS; ID@SNAPSHOT names both."),
]
Name = Annotated[
    str | None,
    typer.Argument(
        metavar="SNAPSHOT", show_default=False, help="Which one of its snapshots. [default: the newest]"
    ),
]
Undo = Annotated[bool, typer.Option("--undo", help="Bring back the files that were replaced last.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
FromOther = Annotated[
    bool, typer.Option("--from-other", help="The snapshot may be one of another VPS of the namespace.")
]


@dataclasses.dataclass(frozen=True, slots=True)
class _Restore:
    """What is to be done, once it is known that it can be."""

    vps: Object
    snapshot: Object
    keep_for: str | None

    @property
    def word(self) -> int:
        """What the owner says so that the files may go."""
        return keeping.next_word(self.vps)

    @property
    def spec(self) -> dict[str, Any]:
        """The fields to set, in one patch."""
        return {
            "filesFrom": {"snapshot": Snapshot.of(self.snapshot).name},
            "replaceFiles": self.word,
            "keepReplacedFiles": self.keep_for,
        }


def restore(
    settings: Settings,
    vps_id: Id = None,
    name: Name = None,
    undo: Undo = False,
    keep_for: keeping.KeepFor = None,
    discard: keeping.Discard = False,
    from_other: FromOther = False,
    yes: Yes = False,
    wait: WaitFor = True,
    timeout: Patience = None,
) -> int:
    """Let a VPS begin again from the files of a snapshot: it is restarted. Volumes that are in the snapshot
    come back too, others stay as they are. What is there now is kept first, as a snapshot: `--undo` brings it
    back.
    """
    seconds, within = patience(timeout, attended=screen.is_watched())
    word, snapshot = _meant(vps_id, name, undo=undo)
    kept = keeping.of_what_is_replaced(keep_for, discard=discard)
    api, reader = settings.api(), settings.reader()
    vps = _vps(api, word, snapshot)
    found = choosing.everything(api, VPS.of(vps).namespace)
    wanted = _Restore(vps, _chosen(found, vps, snapshot, undo=undo), kept)
    choosing.check(wanted.snapshot, vps, from_other=from_other)
    if VPS.of(vps).is_terminating:
        raise errors.Conflict(f"vps/{VPS.of(vps).name} is being deleted")
    if not yes and (discard or not (snapshot or undo)):
        shown = [] if snapshot or undo else snapshots.of_vps(found, vps)[:_LISTED]
        _confirm(wanted, shown, SystemClock().now())
    now = change.declare(api, vps, wanted.spec)
    if VPS.of(now).spec.run_state == "Stopped" or not wait:
        return _later(wanted, now, reader)
    return _follow(api, wanted, Deadline(seconds), within, reader)


def _meant(vps: str | None, snapshot: str | None, *, undo: bool) -> tuple[str, str]:
    """The VPS and the Snapshot, which is empty where none is named. Raises UsageError."""
    if not vps:
        raise failures.UsageError("which VPS is meant? an ID is missing", hint="kohakuriver vps restore ID")
    name, at = choosing.split(vps)
    named = [one for one in (at, snapshot) if one]
    if len(named) > 1:
        raise failures.UsageError(
            f'a VPS has the files of one snapshot: "{named[0]}" or "{named[1]}"?',
            hint="leave one of them out",
        )
    if named and undo:
        raise failures.UsageError(
            f'--undo says which snapshot it is: "{named[0]}" is one too many', hint="leave one of them out"
        )
    return name, named[0] if named else ""


def _vps(api: Api, name: str, snapshot: str) -> Object:
    """The VPS. Raises NotFound, which says how another is made of the snapshot where the VPS is gone."""
    try:
        (vps,) = lookup.find(api, [name])
    except errors.NotFound as error:
        left = [one for one in choosing.everything(api, api.namespace) if _is_of(one, name)]
        if left:
            newest = snapshot or Snapshot.of(snapshots.newest_first(left)[0]).name
            error.hint = f"its snapshots are there: kohakuriver vps create {name} --from-snapshot {newest}"
        raise
    return vps


def _is_of(snapshot: Object, name: str) -> bool:
    return Snapshot.of(snapshot).vps.text("name") == name


def _chosen(found: list[Object], vps: Object, snapshot: str, *, undo: bool) -> Object:
    if undo:
        return choosing.replaced(found, vps)
    if snapshot:
        target = VPS.of(vps)
        return choosing.named(snapshot, found, vps=target.name, namespace=target.namespace)
    return choosing.newest(found, vps)


def _confirm(wanted: _Restore, shown: list[Object], now: datetime.datetime) -> None:
    """Ask, below what there is to choose from, and say what becomes of the files. Raises UsageError off a
    terminal, and Abandoned."""
    name, one = VPS.of(wanted.vps).name, Snapshot.of(wanted.snapshot)
    if not sys.stdin.isatty():
        what = "the files there now are given up" if wanted.keep_for is None else f"the newest is {one.name}"
        raise failures.UsageError(
            f"vps/{name} is not restored unasked: {what}",
            hint=f"say which, and that it is to be: kohakuriver vps restore {name} {one.name} --yes"
            + (" --discard" if wanted.keep_for is None else ""),
        )
    if shown:
        rows = [snapshots.TITLES, *(snapshots.row(each, now) for each in shown)]
        screen.note("\n".join(table.Printer().lines(rows)) + "\n")
    what = f"kept for {wanted.keep_for}" if wanted.keep_for else "given up for good"
    since = sections.ago(snapshots.taken(one), now)
    sys.stderr.write(
        f"restore vps/{name} from {one.name}, {since} old? The files there now are {what}. [y/N] "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise failures.Abandoned("nothing was done")


def _later(wanted: _Restore, now: Object, reader: Reader) -> int:
    """Say when it takes effect."""
    found, one = VPS.of(now), Snapshot.of(wanted.snapshot)
    stopped = found.spec.run_state == "Stopped"
    when = ", at its next start" if stopped else ""
    screen.out(f"vps/{found.name} will be restored from {snapshots.title(one.name)}{when}")
    if wanted.keep_for is not None:
        keeping.announce([now])
    if stopped:
        screen.note(f"start it: {reader.command(f'vps start {found.name}', now)}")
    return 0


def _follow(api: Api, wanted: _Restore, deadline: Deadline, timeout: str, reader: Reader) -> int:
    found = VPS.of(wanted.vps)
    judge = goals.refilled(found.uid, wanted.word, found.spec.run_state)
    goal = waiting.Goal(found.name, judge, "restored")
    (outcome,) = waiting.wait(api, [goal], deadline, timeout=timeout, reader=reader)
    if outcome.error is not None or outcome.vps is None:
        return 1
    one = Snapshot.of(wanted.snapshot)
    taken = sections.moment(snapshots.taken(one), SystemClock().now())
    screen.note(f"its files are those of {snapshots.title(one.name)}, of {taken}")
    for line in _volumes(found, one):
        screen.note(line)
    if wanted.keep_for is not None:
        keeping.tell(api, [outcome.vps], reader)
    return 0


def _volumes(vps: VPS, snapshot: Snapshot) -> list[str]:
    """Which volumes came back, and which are as they were."""
    back = {one.text("name") or one.text("target") for one in snapshot.volumes}
    declared = {one.text("name") for one in vps.spec.parts("volumes", Fields)}
    said = {"back from it": sorted(back), "as they were": sorted(declared - back)}
    return [f"volumes {what}: {', '.join(names)}" for what, names in said.items() if names]
