"""`vps list`: the VPSes there are, each with why it is not running. `listing.py` does it."""

from typing import Annotated

import typer

from kohakuriver.cli.settings import Settings
from kohakuriver.cli.vps import listing

EXAMPLES = """
kohakuriver vps list
kohakuriver vps list --all
kohakuriver vps list -A -l team=red -o name
"""

All = Annotated[bool, typer.Option("--all", "-a", help="Stopped ones too.")]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Only those with these labels: a=b,c!=d."),
]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]
Format = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FORMAT", help="Whole objects: yaml, json, name or jsonpath=…"),
]


def list_vpses(
    settings: Settings,
    everything: All = False,
    all_namespaces: Everywhere = False,
    selector: Selector = None,
    output_format: Format = None,
    no_headers: NoHeaders = False,
) -> int:
    """List VPSes with their nodes, resources and SSH ports, and why those that do not run do not."""
    return listing.show(
        settings,
        everything=everything,
        all_namespaces=all_namespaces,
        selector=selector,
        output_format=output_format,
        no_headers=no_headers,
    )
