"""`vps snapshot`: keep the files of a VPS as they are now, on its node."""

from typing import Annotated

import typer

from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.snapshots import choosing, taking
from kohakuriver.cli.view import snapshots
from kohakuriver.cli.vps import keeping
from kohakuriver.cli.vps.change import Patience, patience
from kohakuriver.clock import SystemClock

EXAMPLES = """
kohakuriver vps snapshot dev
kohakuriver vps snapshot dev --name before-upgrade --keep-for 7d
kohakuriver vps snapshot dev --no-pause --no-volumes
"""

Id = Annotated[
    str | None, typer.Argument(metavar="ID", show_default=False, help="The VPS: its name, or its start.")
]
More = Annotated[
    list[str] | None, typer.Argument(metavar="SNAPSHOT", show_default=False, help="The same as --name.")
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="SNAPSHOT",
        help="What it is called. [default: ID-YYYYMMDD-HHMMSS, in UTC]",
        show_default=False,
    ),
]
Volumes = Annotated[bool, typer.Option("--volumes/--no-volumes", help="Its volumes too.")]
Pause = Annotated[
    bool,
    typer.Option("--pause/--no-pause", help="Freeze it meanwhile, so that all files are of one moment."),
]
KeepFor = Annotated[
    str | None,
    typer.Option(
        "--keep-for",
        metavar="DURATION",
        help="How long it stays, such as 12h or 7d. [default: until somebody deletes it]",
        show_default=False,
    ),
]
WaitFor = Annotated[bool, typer.Option("--wait/--no-wait", help="Return only when it is ready.")]


def snapshot(
    settings: Settings,
    vps_id: Id = None,
    more: More = None,
    name: Name = None,
    volumes: Volumes = True,
    pause: Pause = True,
    keep_for: KeepFor = None,
    wait: WaitFor = True,
    timeout: Patience = None,
) -> int:
    """Keep the files of a VPS as they are now: those of its container and of its volumes, not the folders of
    the node that it mounts. They lie on its node. `vps restore` brings them back, `vps fork` makes VPSes of
    them.
    """
    seconds, within = patience(timeout, attended=screen.is_watched())
    vps_word, name = _meant(vps_id, more or [], name)
    keep_for = keeping.read(keep_for) if keep_for is not None else None
    api, reader = settings.api(), settings.reader()
    (vps,) = lookup.find(api, [vps_word])
    wish = taking.Wish(vps, name, volumes=volumes, pause=pause, keep_for=keep_for)
    made = taking.create(api, wish, SystemClock().now())
    screen.out(f"{snapshots.title(made['metadata']['name'])} created")
    screen.flush()
    if wait:
        taking.tell(taking.follow(api, made, Deadline(seconds), timeout=within, reader=reader), reader)
    return 0


_VERBS = {
    "create": "vps snapshot {}",
    "take": "vps snapshot {}",
    "list": "vps snapshots {}",
    "ls": "vps snapshots {}",
    "show": "vps snapshots {}",
    "info": "vps snapshots {}",
    "restore": "vps restore {}",
    "rollback": "vps restore {}",
    "delete": "delete snapshot {}",
    "rm": "delete snapshot {}",
}
"""Words of other tools in place of a VPS: `snapshot create dev`."""


def _meant(first: str | None, more: list[str], name: str | None) -> tuple[str, str | None]:
    """The VPS, and what the Snapshot is to be called. Raises UsageError."""
    if not first:
        raise failures.UsageError("which VPS is meant? an ID is missing", hint="kohakuriver vps snapshot ID")
    if more and first in _VERBS:
        raise failures.UsageError(f"the command is: kohakuriver {_VERBS[first].format(_joined(first, more))}")
    vps, at = choosing.split(first)
    given = [one for one in (at, *more, name) if one]
    if len(given) > 1:
        raise failures.UsageError(
            f'one snapshot has one name: "{given[0]}" or "{given[1]}"?',
            hint=f"kohakuriver vps snapshot {vps} --name {given[0]}",
        )
    return vps, given[0] if given else None


def _joined(verb: str, words: list[str]) -> str:
    if verb in ("create", "take"):
        return " --name ".join(words[:2])
    if verb in ("delete", "rm"):
        return " ".join(words[1:] or words)
    return " ".join(words)
