"""`node label`: set labels of a node, or take them away; node selectors of VPSes look at them."""

from typing import Annotated

import typer

from kohakuriver.cli import screen
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import marks
from kohakuriver.cli.node import change, lookup
from kohakuriver.resources.view import Node

EXAMPLES = """
kohakuriver node label n1 disk=ssd
kohakuriver node label n1 disk-
kohakuriver node label n1 disk=nvme --overwrite
"""

Words = Annotated[list[str] | None, typer.Argument(metavar="NODE KEY=VALUE... | KEY-...", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Labels that are there may change.")]


def label(settings: Settings, words: Words = None, overwrite: Overwrite = False) -> int:
    """Set labels of a node (KEY=VALUE), or take them away (KEY-)."""
    name, *changes = words or [""]
    wanted = marks.parse(changes, marks.LABEL)
    api = settings.api()
    (node,) = lookup.find(api, [name] if name else [], verb="label")
    if not overwrite:
        marks.check(change.title(node), Node.of(node).labels, wanted, marks.LABEL)
    change.patch(api, node, {"metadata": {"labels": wanted}})
    screen.out(f"{change.title(node)} labeled")
    return 0
