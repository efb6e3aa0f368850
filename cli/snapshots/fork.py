"""`vps fork`: new VPSes that begin from the files of another one, as they are now or were in a Snapshot.

    names that are free ─► a Snapshot ─► VPSes with the spec of the first ─► wait until they run

`copies.py` says what of the spec is the first one's own. What was made stays made, whatever comes after it.
"""

import dataclasses
import shlex
import uuid
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output
from kohakuriver.cli.snapshots import choosing, copies, snapshot, taking
from kohakuriver.cli.view import snapshots
from kohakuriver.cli.view.standing import Reader
from kohakuriver.cli.vps import goals, manifest, waiting
from kohakuriver.cli.vps.change import Patience, patience
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS, Snapshot

EXAMPLES = """
kohakuriver vps fork dev
kohakuriver vps fork dev try-1 try-2
kohakuriver vps fork dev --count 3 --from before-upgrade
"""
KEPT = "1h"  # as a Snapshot, the files that new VPSes begin from
_PARAMS = {"fieldValidation": "Strict", "fieldManager": "kohakuriver-vps"}

Id = Annotated[
    str | None,
    typer.Argument(metavar="ID", show_default=False, help="The VPS; ID@SNAPSHOT names both."),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NEW", show_default=False, help="What the new ones are called. [default: ID-1, ID-2, …]"
    ),
]
Count = Annotated[
    str | None,
    typer.Option(
        "--count", metavar="N", help="How many. [default: one, or one for each name]", show_default=False
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="SNAPSHOT",
        help="The files of this snapshot of it. [default: those it has now]",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FORMAT", help="Print the new ones as name, yaml or json."),
]
WaitFor = Annotated[bool, typer.Option("--wait/--no-wait", help="Return only when they are running.")]


@dataclasses.dataclass(frozen=True, slots=True)
class _Fork:
    """What is to be made."""

    vps: Object
    names: tuple[str, ...]
    reader: Reader

    def line(self, names: list[str], source: str) -> str:
        """The command that makes these from that Snapshot."""
        words = shlex.join(["vps", "fork", VPS.of(self.vps).name, *names, "--from", source])
        return self.reader.command(words, self.vps)


def fork(
    settings: Settings,
    vps_id: Id = None,
    new: Names = None,
    count: Count = None,
    source: From = None,
    volumes: snapshot.Volumes = True,
    pause: snapshot.Pause = True,
    output_format: Format = None,
    wait: WaitFor = True,
    timeout: Patience = None,
) -> int:
    """Make new VPSes with the files and the spec of another one, beside it on its node. Each has a name, an
    SSH port and a host key of its own; who may log in stays as it is. The schedule of snapshots is left out.
    """
    seconds, within = patience(timeout, attended=screen.is_watched())
    render = output.of_objects(output_format)
    word, names, source = _meant(vps_id, new or [], source)
    number = _number(count, names)
    api = settings.api()
    vps = _vps(api, word)
    wanted = _Fork(vps, _free(api, vps, names, number), settings.reader())
    deadline = Deadline(seconds)
    taken = _source(api, wanted, source, volumes=volumes, pause=pause, deadline=deadline, timeout=within)
    made = _make(api, wanted, Snapshot.of(taken).name, tell=render is None)
    good = len(made) == len(wanted.names)
    if wait and made:
        outcomes = _wait(api, made, deadline, within, wanted.reader, tell=render is None)
        good = good and not any(one.error for one in outcomes)
        latest = {one.goal.name: one.vps for one in outcomes if one.vps}
        made = [latest.get(VPS.of(one).name) or one for one in made]
    if render is not None:
        typed = [output.without_noise(output.typed(one, kinds.VPS)) for one in made]
        alone = len(typed) == 1 or output_format == "name"
        screen.out("".join(map(render, typed)) if alone else render(output.combined(typed)), end="")
    return 0 if good else 1


def _meant(word: str | None, names: list[str], source: str | None) -> tuple[str, list[str], str]:
    """The VPS, the names of the new ones, and the Snapshot, which is empty where none is named."""
    if not word:
        raise failures.UsageError("which VPS is meant? an ID is missing", hint="kohakuriver vps fork ID")
    vps, at = choosing.split(word)
    if at and source:
        raise failures.UsageError(
            f'one snapshot is enough: "{at}" or "{source}"?', hint="leave one of them out"
        )
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise failures.UsageError(f'"{doubled[0]}" is named twice')
    return vps, names, at or source or ""


def _number(count: str | None, names: list[str]) -> int:
    """How many are made. Raises UsageError."""
    if count is None:
        return len(names) or 1
    if not (count.isascii() and count.isdigit() and 1 <= int(count[:4]) <= 100 and len(count) <= 3):
        raise failures.UsageError(f'invalid --count "{count}": use a number from 1 to 100')
    if names and len(names) != int(count):
        raise failures.UsageError(
            f"--count {count} and {len(names)} names do not go together", hint="leave one of them out"
        )
    return int(count)


def _vps(api: Api, word: str) -> Object:
    try:
        (found,) = lookup.find(api, [word])
    except errors.NotFound as error:
        if api.namespace.isdigit():
            error.hint = f"-n names a namespace; so many new ones: --count {api.namespace}"
        raise
    return found


def _free(api: Api, vps: Object, names: list[str], number: int) -> tuple[str, ...]:
    """What the new ones are called. Raises AlreadyExists for a name that is taken."""
    items = api.call("GET", api.path(kinds.VPS, namespace=VPS.of(vps).namespace))["items"]
    there = {VPS.of(one).name for one in items}
    taken = [name for name in names if name in there]
    if taken:
        raise errors.AlreadyExists(
            f"there is already a VPS {taken[0]}, so nothing was made", hint="choose another name"
        )
    return tuple(names) or copies.names(VPS.of(vps).name, there, number)


def _source(
    api: Api, wanted: _Fork, source: str, *, volumes: bool, pause: bool, deadline: Deadline, timeout: str
) -> Object:
    """The Snapshot that they begin from: the one that is named, or a new one."""
    vps = VPS.of(wanted.vps)
    if source:
        found = choosing.everything(api, vps.namespace)
        chosen = choosing.named(source, found, vps=vps.name, namespace=vps.namespace)
        _check_own(vps, Snapshot.of(chosen))
        choosing.check_ready(Snapshot.of(chosen))
        return chosen
    wish = taking.Wish(wanted.vps, kind="fork-", volumes=volumes, pause=pause, keep_for=KEPT, cause="Fork")
    made = taking.create(api, wish, SystemClock().now())
    ready = taking.follow(api, made, deadline, timeout=timeout, reader=wanted.reader)
    screen.note(f"{snapshots.title(Snapshot.of(ready).name)} {snapshots.ready(Snapshot.of(ready))}")
    for line in snapshots.failed_hooks(Snapshot.of(ready)):
        screen.warn(line)
    return ready


def _check_own(vps: VPS, found: Snapshot) -> None:
    """Raises Conflict for one of another VPS, whose spec is another. One of an earlier namesake will do."""
    of = found.vps.text("name")
    if of != vps.name:
        raise errors.Conflict(
            f"{snapshots.title(found.name)} has the files of vps/{of}, not of vps/{vps.name}",
            hint=f"make a VPS of it: kohakuriver vps create NAME --from-snapshot {found.name}",
        )


def _make(api: Api, wanted: _Fork, source: str, *, tell: bool) -> list[Object]:
    """The new VPSes; where one cannot be made, those before it, and how to go on."""
    made: list[Object] = []
    for at, name in enumerate(wanted.names):
        try:
            made.append(_create(api, copies.manifest(wanted.vps, name, source)))
        except errors.ApiError as error:
            rest = list(wanted.names[at:])
            screen.fail(f"{targets.title(kinds.VPS, name)} was not made: {error.message}", hint=error.hint)
            screen.note(f"made: {len(made)} of {len(wanted.names)}; the rest: {wanted.line(rest, source)}")
            return made
        if tell:
            screen.out(f"{targets.title(kinds.VPS, name)} created")
            screen.flush()
    return made


def _create(api: Api, body: Object) -> Object:
    own = {"annotations": {manifest.CREATE_ID: uuid.uuid4().hex}}
    whole = {**body, "metadata": {**body["metadata"], **own}}
    path = api.path(kinds.VPS, namespace=body["metadata"]["namespace"])
    return insist.call(api, "POST", path, params=_PARAMS, body=whole)


def _wait(
    api: Api, made: list[Object], deadline: Deadline, timeout: str, reader: Reader, *, tell: bool
) -> list[waiting.Outcome]:
    wanted = [waiting.Goal(VPS.of(one).name, goals.running(VPS.of(one).uid), "running") for one in made]
    return waiting.wait(api, wanted, deadline, timeout=timeout, tell=tell, reader=reader)
