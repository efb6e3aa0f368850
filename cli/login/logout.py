"""`logout`: the tokens of a login are forgotten here; with whom it was is kept for the next."""

from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.login import kept
from kohakuriver.cli.login.kept import Kept
from kohakuriver.cli.login.login import kept_by
from kohakuriver.cli.login.provider import Provider

EXAMPLES = """
kohakuriver logout
kohakuriver logout prod
"""

Context = Annotated[
    str | None, typer.Argument(metavar="[CONTEXT]", show_default=False, help="Else the one that counts.")
]


def logout(settings: Settings, there: Context = None) -> int:
    """Forget the tokens of a login, and ask the provider to let it be renewed no more."""
    config = files.load(settings.config)
    name = there or settings.context or config.current
    files.check_context(config, name)
    place = kept_by(config, name)
    if place is None:
        raise failures.UsageError(
            f'context "{name}" has no login', hint="see who you are: kohakuriver config view"
        )
    with kept.locked(place):
        login = Kept.load(place)
        if login is None or not login.token:
            screen.out(f'nobody is logged in to "{name}"')
            return 0
        login.without_tokens().save(place)
    _revoke(login)
    screen.out(f'logged out of "{name}"')
    return 0


def _revoke(login: Kept) -> None:
    """Where the provider can do that; what is kept here is gone either way."""
    from kohakuriver import errors

    try:
        provider = Provider(login)
        if login.refresh and provider.described().get("revocation_endpoint"):
            provider.post("revocation_endpoint", token=login.refresh, token_type_hint="refresh_token")  # noqa: S106
    except errors.KohakuRiverError as error:
        screen.warn(f"the provider was not told: {error.message}")
