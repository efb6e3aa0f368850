"""`token revoke`: credentials are good no more from now on, on every API server."""

from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import http, insist
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.resources import kinds
from kohakuriver.resources.token import EXPIRED

EXAMPLES = """
kohakuriver token revoke user-3f9a0c1b
kohakuriver token revoke node-n1
kohakuriver token revoke --user alice
kohakuriver token revoke --expired
"""

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME...", show_default=False, help="As `token list` has them."),
]
Owner = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="All of this user's, as `token list` has them.")
]
Expired = Annotated[bool, typer.Option("--expired", help="Clear away all that are over.")]


def revoke(settings: Settings, names: Names = None, user: Owner = None, expired: Expired = False) -> int:
    """Take credentials back. What their holders have open ends."""
    if not names and not expired and not user:
        raise failures.UsageError(
            "which token is meant? a name is missing", hint="see what there is: kohakuriver token list"
        )
    api, good = settings.api(), True
    wanted = [name.removeprefix("token/") for name in names or ()]
    if user:
        theirs = [token["metadata"]["name"] for token in _all(api) if token["spec"].get("user") == user]
        if not theirs:
            screen.fail(
                f'there is no token of user "{user}"', hint="see what there is: kohakuriver token list"
            )
            good = False
        wanted += theirs
    for name in dict.fromkeys([*wanted, *(_over(api) if expired else ())]):
        good = _revoke(api, name) and good
    return 0 if good else 1


def _revoke(api: Api, name: str) -> bool:
    lost: list[bool] = []
    path = api.path(kinds.TOKEN, name=name)
    try:
        if not name.strip("."):
            raise errors.NotFound(name)  # and no path either
        insist.call(api, "DELETE", path, on_lost=lambda: lost.append(True))
    except errors.NotFound:
        if not lost:
            screen.fail(f'there is no token "{name}"', hint="see what there is: kohakuriver token list")
            return False
    screen.out(f"token/{name} revoked")
    return True


def _all(api: Api) -> list[Object]:
    found: list[Object] = api.call("GET", api.path(kinds.TOKEN))["items"]
    return found


def _over(api: Api) -> list[str]:
    """Those that the server refuses: it goes by its own clock, and this machine's may be far off."""
    table = api.call("GET", api.path(kinds.TOKEN), accept=http.TABLE)
    place = [column["name"] for column in table["columnDefinitions"]].index("Expires")
    return [row["object"]["metadata"]["name"] for row in table["rows"] if row["cells"][place] == EXPIRED]
