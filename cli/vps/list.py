"""`vps list`: the VPSes there are, each with why it is not running. `listing.py` shows them."""

from typing import Annotated

from kohakuriver.cli.framework.declared import Argument, Option
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import listing

EXAMPLES = """
kohakuriver vps list
kohakuriver vps list --all
kohakuriver vps list -o wide
kohakuriver vps list dev test
kohakuriver vps list -A -l team=red -o name
"""

Names = Annotated[
    list[str] | None,
    Argument(metavar="[ID...]", show_default=False, help="Only these, stopped ones too."),
]
All = Annotated[bool, Option("--all", "-a", help="Stopped ones too.")]
Everywhere = Annotated[bool, Option("--all-namespaces", "-A", help="In every namespace.")]
Selector = Annotated[
    str | None,
    Option("--selector", "-l", metavar="LABELS", help="Only those with these labels: a=b,c!=d."),
]
NoHeaders = Annotated[bool, Option("--no-headers", help="Leave the line of titles out.")]
Format = Annotated[
    str | None,
    Option(
        "--output",
        "-o",
        metavar="FORMAT",
        help="More columns: wide. Whole objects: yaml, json, name, jsonpath=…",
    ),
]


def list_vpses(
    settings: Settings,
    words: Names = None,
    everything: All = False,
    all_namespaces: Everywhere = False,
    selector: Selector = None,
    output_format: Format = None,
    no_headers: NoHeaders = False,
) -> int:
    """List VPSes with their nodes, resources and SSH ports, and why those that do not run do not."""
    return listing.show(
        settings,
        words or (),
        everything=everything,
        all_namespaces=all_namespaces,
        selector=selector,
        output_format=output_format,
        no_headers=no_headers,
    )
