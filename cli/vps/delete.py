"""`vps delete`: delete VPSes by their whole names, and wait until their containers are gone."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework import dry_run
from kohakuriver.cli.framework.dry_run import DryRun, Rehearsal
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl.delete import parse_timeout
from kohakuriver.cli.view import snapshots
from kohakuriver.cli.view.standing import Reader
from kohakuriver.cli.vps import goals, waiting
from kohakuriver.cli.vps.change import Timeout, WaitFor
from kohakuriver.cli.vps.waiting import Goal
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS

EXAMPLES = """
kohakuriver vps delete dev
kohakuriver vps delete dev test --no-wait
kohakuriver vps delete dev --force
"""

WholeIDs = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", show_default=False, help="Whole names of VPSes.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Kill it; where its node is unreachable, forget it: the node removes it later."
    ),
]


def delete(
    settings: Settings,
    ids: WholeIDs = None,
    force: Force = False,
    wait: WaitFor = True,
    timeout: Timeout = "0",
    dry_run_text: DryRun = None,
) -> int:
    """Delete VPSes with their containers and files. Volumes that are to be retained stay on their node, and
    snapshots do too.
    """
    rehearsal = dry_run.read(dry_run_text)
    seconds = parse_timeout(timeout)
    if not ids:
        raise failures.UsageError("which VPS is meant? an ID is missing", hint="kohakuriver vps delete ID")
    api = settings.api()
    wanted: list[Goal] = []
    gone: list[Object] = []
    there, good = lookup.present(api, ids, exact=True)
    for vps in there:
        name, uid = vps["metadata"]["name"], vps["metadata"]["uid"]
        goal = Goal(name, goals.deleted(uid), "deleted")
        try:
            answer = ask(api, vps, force=force, rehearsal=rehearsal)
        except errors.NotFound:
            screen.out(f"{goal.title} deleted")
            continue
        except errors.ApiError as error:
            screen.fail(f"{targets.title(kinds.VPS, name)}: {error.message}", hint=error.hint)
            good = False
            continue
        gone.append(vps)
        if rehearsal:
            screen.out(f"{goal.title} deleted{rehearsal.suffix}")
        elif wait or answer.get("kind") == "Status":
            wanted.append(goal)
        else:
            screen.out(f"{goal.title} is being deleted")
    waiting.wait(api, wanted, Deadline(seconds or None), timeout=timeout, reader=settings.reader())
    for line in left(api, gone, settings.reader()):
        screen.note(line)
    return 0 if good else 1


def left(api: Api, vpses: Sequence[Object], reader: Reader) -> list[str]:
    """Which snapshots of these VPSes stay. Who may not read them is told nothing."""
    if not vpses:
        return []
    try:
        found = api.call("GET", api.path(kinds.SNAPSHOT, namespace=api.namespace))["items"]
    except (errors.Forbidden, errors.NotFound):
        return []
    lines = []
    for vps in vpses:
        if count := len(snapshots.of_vps(found, vps)):
            name = VPS.of(vps).name
            stay = "1 snapshot of it stays" if count == 1 else f"{count} snapshots of it stay"
            shown = reader.command(f"vps snapshots {name}", vps)
            lines.append(f"{targets.title(kinds.VPS, name)}: {stay}: {shown}")
    return lines


def ask(api: Api, vps: Object, *, force: bool = False, rehearsal: Rehearsal = Rehearsal.NONE) -> Object:
    """Ask for the deletion of exactly this VPS. Raises NotFound when it is gone already."""
    if rehearsal is Rehearsal.CLIENT:
        return vps
    metadata = vps["metadata"]
    body: dict[str, Any] = {"preconditions": {"uid": metadata["uid"]}}
    if force:
        body["gracePeriodSeconds"] = 0
    path = api.path(kinds.VPS, namespace=metadata["namespace"], name=metadata["name"])
    return insist.call(api, "DELETE", path, params=rehearsal.params, body=body)
