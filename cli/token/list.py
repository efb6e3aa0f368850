"""`token list`: which credentials there are. Their secrets are nowhere to be shown."""

from typing import Annotated

import typer

from kohakuriver.cli import screen
from kohakuriver.cli.api import http
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.view import table
from kohakuriver.cli.view.table import Layout
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver token list
kohakuriver get tokens -o yaml
"""

NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]


def list_tokens(settings: Settings, no_headers: NoHeaders = False) -> int:
    """List credentials: whose they are, and until when. Those of the token file are not among them."""
    api = settings.api()
    answer = api.call("GET", api.path(kinds.TOKEN), accept=http.TABLE)
    layout = Layout(kinds.TOKEN)
    rows = table.rows(answer, layout)
    if not rows:
        screen.note("no tokens; make one: kohakuriver token create")
        return 0
    titles = [] if no_headers else [table.header(answer, layout)]
    screen.out("\n".join(table.Printer(screen.width()).lines([*titles, *rows])))
    return 0
