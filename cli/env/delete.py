"""`env delete`: no VPS is made from it any more. Tarballs are files of their nodes, and stay."""

import shlex
from typing import Annotated

import typer

from kohakuriver import errors, quantity
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api import insist
from kohakuriver.cli.env import creation
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Environment

EXAMPLES = """
kohakuriver env delete my-dev-env
kohakuriver env delete my-dev-env my-cuda-vps
"""

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", show_default=False, help="As `env list` has them.")
]


def delete(settings: Settings, names: Names = None) -> int:
    """Delete environments. VPSes that were made from one keep their files; its tarball stays on its node."""
    if not names:
        raise failures.UsageError(
            "which environment is meant?", hint="see what there is: kohakuriver env list"
        )
    api, good = settings.api(), True
    for name in dict.fromkeys(one.removeprefix("environment/").removeprefix("env/") for one in names):
        path = api.path(kinds.ENVIRONMENT, name=name)
        lost: list[bool] = []
        try:
            there = api.call("GET", path)
            insist.call(api, "DELETE", path, on_lost=lambda lost=lost: lost.append(True))  # type: ignore[misc]
        except errors.NotFound:
            if not lost:
                absence = absent.missing(api, kinds.ENVIRONMENT, name, namespace=None)
                screen.fail(absence.message, hint=absence.hint)
                good = False
                continue
        screen.out(f"{creation.title(name)} deleted")
        found = Environment.of(there)
        if found.status.text("tarball"):
            screen.note(_left(found))
    return 0 if good else 1


def _left(environment: Environment) -> str:
    """What of it lies on its node still, and what can be done with that. Pure."""
    status, node = environment.status, environment.vps.text("node")
    size = f" ({quantity.approximate_size(environment.size)})" if environment.size else ""
    file, digest = shlex.quote(status.text("tarball")), status.text("digest")
    loads = f"kohakuriver env load {environment.name} {file}" + (f" --digest {digest}" if digest else "")
    return f"its tarball{size} stays on {node}\n  use it again: {loads}\n  remove it, on {node}: rm {file}"
