"""`env create`: an Environment of a VPS as it is now, or a name for an image."""

from typing import Annotated

import typer

from kohakuriver import errors, quantity
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.api import awaiting
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.env import creation
from kohakuriver.cli.framework.progress import Progress
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl.delete import parse_timeout
from kohakuriver.cli.vps.change import Timeout, WaitFor
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS, Environment

EXAMPLES = """
kohakuriver env create my-env --from dev
kohakuriver env create cuda --image nvidia/cuda:12.6.0-devel-ubuntu24.04
"""

Name = Annotated[str | None, typer.Argument(metavar="NAME", show_default=False, help="What it is called.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="ID", help="The VPS whose files it is made of.", show_default=False),
]
Image = Annotated[
    str | None,
    typer.Option(
        "--image", metavar="IMAGE", help="An image instead, as Docker knows it.", show_default=False
    ),
]


def create(
    settings: Settings,
    name: Name = None,
    vps: From = None,
    image: Image = None,
    wait: WaitFor = True,
    timeout: Timeout = "0",
) -> int:
    """Make an environment, to start VPSes from with `vps create --container NAME`.

    Of a VPS its node takes the files as they are at this moment: all but volumes, mounts, and the keys that
    may log in. What a running program is writing just then may be half there; `vps pause` or `vps stop` first
    where that matters. The node keeps it as a tarball, which `env list` and `-o yaml` name.
    """
    seconds = parse_timeout(timeout)
    if not name or (vps is None) == (image is None):
        raise failures.UsageError(
            "a name, and either --from VPS or --image IMAGE, are needed",
            hint="kohakuriver env create NAME --from ID",
        )
    api = settings.api()
    if image is not None:
        creation.create(api, name, {"image": image})
        return 0
    spec = {"vps": _source(api, str(vps))}
    made = creation.create(api, name, spec)
    if wait:
        ready = _await(api, made, Deadline(seconds or None), timeout)
        _tell(ready)
    return 0


def _source(api: Api, word: str) -> dict[str, str]:
    (vps,) = lookup.find(api, [word])
    metadata, node = vps["metadata"], VPS.of(vps).node
    if not node:
        raise failures.UsageError(
            f"vps/{metadata['name']} is on no node, so there are no files to take",
            hint=f"start it first: kohakuriver vps start {metadata['name']}",
        )
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "node": node,
    }


def _await(api: Api, environment: Object, deadline: Deadline, timeout: str) -> Object:
    """The Environment, once it is ready. Raises what its node said, and TimedOut. Ctrl-C undoes nothing."""
    name, uid = environment["metadata"]["name"], environment["metadata"]["uid"]
    latest: list[Object] = [environment]

    def judge(body: Object | None) -> str:
        if body is None or body["metadata"]["uid"] != uid:
            raise errors.NotFound(f"{creation.title(name)} was deleted meanwhile")
        latest[0] = body
        found = Environment.of(body)
        if found.word == "Failed":
            raise errors.Conflict(
                f"{creation.title(name)}: {found.message}",
                hint=f"delete it, then try again: kohakuriver env delete {name}",
            )
        return "" if found.word == "Ready" else found.message or f"{found.vps.text('node')} is asked"

    with Progress() as progress:
        try:
            awaiting.until(
                api,
                kinds.ENVIRONMENT,
                name,
                namespace=None,
                judge=judge,
                deadline=deadline,
                tell=lambda state: progress.say(f"{creation.title(name)}: {state}"),
            )
        except failures.TimedOut as late:
            raise failures.TimedOut(
                f"{creation.title(name)} is not ready after {timeout}: {late.message}",
                hint="it goes on; see how: kohakuriver env list",
            ) from None
        except KeyboardInterrupt:
            progress.note(f"no longer waiting; {creation.title(name)} goes on being made")
            raise
    return latest[0]


def _tell(environment: Object) -> None:
    found = Environment.of(environment)
    screen.note(f"ready: {quantity.approximate_size(found.size)}, kept on {found.vps.text('node')}")
    screen.note(f"use it with: kohakuriver vps create --container {found.name}")
