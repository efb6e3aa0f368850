"""`version`: which client this is, and which server answers."""

from typing import Annotated

from kohakuriver import __version__
from kohakuriver.cli import screen
from kohakuriver.cli.framework.declared import Option
from kohakuriver.cli.framework.settings import Settings

EXAMPLES = """
kohakuriver version
kohakuriver version --client
"""


def version(
    settings: Settings,
    client: Annotated[bool, Option("--client", help="Do not ask the server.")] = False,
) -> int:
    """Show the version of this client and of the API server."""
    screen.out(f"Client: {__version__}")
    if client:
        return 0
    answer = settings.api().call("GET", "/version")
    screen.out(f"Server: {answer.get('gitVersion', 'unknown')}")
    return 0
