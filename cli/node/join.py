"""`node join`: the one command that makes another machine a node."""

from typing import Annotated

import typer

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.token import create

EXAMPLES = """
kohakuriver node join
kohakuriver node join n2 --ttl 10m
"""

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NODE]", show_default=False, help="What it is to be called; its host name otherwise."
    ),
]


TTL = Annotated[
    str | None,
    typer.Option("--ttl", metavar="DURATION", help="How long the command is good for. [default: 1h]"),
]


def join(settings: Settings, node: Name = None, ttl: TTL = None, server: create.Server = None) -> int:
    """Print the command to run, as root, on a machine that is to be a node of this cluster."""
    return create.create(settings, node=node, ttl=ttl, join=True, server=server)
