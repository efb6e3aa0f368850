"""`node forget --destroyed`: give up a node that is gone for good, and the files on it.

Asks on a terminal, and wants --yes elsewhere, after it has said what will be lost. Safe to repeat.
"""

import sys
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import insist
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.node import change, lookup, tenants
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver node forget n1 --destroyed
kohakuriver node forget n1 --destroyed --yes
"""

Name = Annotated[
    str | None, typer.Argument(metavar="NODE", show_default=False, help="The whole name of the node.")
]
Destroyed = Annotated[
    bool, typer.Option("--destroyed", help="Yes, the machine is gone, and it will never come back.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def forget(settings: Settings, node: Name = None, destroyed: Destroyed = False, yes: Yes = False) -> int:
    """Give up a node that is gone for good: its VPSes are placed anew, without the files they had there."""
    api = settings.api()
    found = _meant(api, node)
    bound = tenants.of(api, found["metadata"]["name"])
    if not destroyed:
        raise failures.UsageError(
            f"{change.title(found)} is forgotten only when it is destroyed: {_losses(bound)}",
            hint="a node that will be back needs nothing; for one that will not, add --destroyed",
        )
    if not yes:
        _confirm(found, bound)
    _send(api, found["metadata"]["name"])
    screen.out(f"{change.title(found)} forgotten")
    _tell_of_losses(bound)
    return 0


def _meant(api: Api, name: str | None) -> Object:
    """The Node; where its object was deleted, what its bookings tell of it. Raises NotFound."""
    try:
        (found,) = lookup.find(api, [name] if name else None, verb="forget")
    except errors.NotFound:
        plain = str(name).rpartition("/")[2]
        try:
            api.call("GET", api.path(kinds.NODE_ALLOCATION, name=plain))
        except errors.NotFound:
            pass
        else:
            return {"metadata": {"name": plain}}
        raise
    return found


def _send(api: Api, name: str) -> None:
    """Have it forgotten. That it is not there is as good as done, once an answer was lost."""
    lost: list[bool] = []
    path = f"{api.path(kinds.NODE, name=name)}/forget"
    try:
        insist.call(api, "POST", path, on_lost=lambda: lost.append(True), body={"destroyed": True})
    except errors.NotFound:
        if not lost:
            raise


def _confirm(node: Object, bound: list[Object]) -> None:
    """Raises UsageError off a terminal, and Abandoned for any answer but the node's name."""
    name = node["metadata"]["name"]
    if not sys.stdin.isatty():
        raise failures.UsageError(
            f"to forget {change.title(node)} is final: {_losses(bound)}",
            hint="add --yes where nobody can be asked",
        )
    screen.warn(f"to forget {change.title(node)} is final: {_losses(bound)}")
    for vps in bound:
        screen.note(f"  {tenants.title(vps)}")
    screen.note("Its credential is revoked: that machine can only join again as a new node.")
    sys.stderr.write(f'Type "{name}" to go on: ')
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise failures.Abandoned("nothing was done")


def _losses(bound: list[Object]) -> str:
    if not bound:
        return "no VPS is placed on it, and what lies on its disks is given up"
    count = "the files of 1 VPS" if len(bound) == 1 else f"the files of {len(bound)} VPSes"
    return f"{count} there are given up ({', '.join(tenants.title(vps) for vps in bound[:5])}" + (
        ", …)" if len(bound) > 5 else ")"
    )


def _tell_of_losses(bound: list[Object]) -> None:
    for vps in bound:
        what = "goes" if vps["metadata"].get("deletionTimestamp") else "is placed anew, without its files"
        screen.note(f"{tenants.title(vps)} {what}")
