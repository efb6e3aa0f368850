"""`config use-context`: another context counts from now on."""

from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.contexts.file import Config

EXAMPLES = """
kohakuriver config use-context kohakuriver
"""

Name = Annotated[str | None, typer.Argument(metavar="NAME", show_default=False, help="Of a context.")]


def use_context(name: Name = None, config: Config = None) -> int:
    """Let this context count where none is named with --context."""
    if not name:
        raise failures.UsageError(
            "which context is meant?", hint="see what there is: kohakuriver config get-contexts"
        )
    found = files.load(config)
    files.check_context(found, name)
    found.body["current-context"] = name
    found.save()
    screen.out(f'switched to context "{name}"')
    return 0
