"""`node list`: the nodes there are, and how much of each is booked. `overview.py` works the rows out."""

from typing import Annotated

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.api import readable
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.declared import Option
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output
from kohakuriver.cli.view import node_overview as overview
from kohakuriver.cli.view import table
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver node list
kohakuriver node list -l disk=ssd
kohakuriver node list -o name
"""

Selector = Annotated[
    str | None,
    Option("--selector", "-l", metavar="LABELS", help="Only those with these labels: a=b,c!=d."),
]
NoHeaders = Annotated[bool, Option("--no-headers", help="Leave the line of titles out.")]
Format = Annotated[
    str | None,
    Option("--output", "-o", metavar="FORMAT", help="Whole objects: yaml, json, name or jsonpath=…"),
]


def list_nodes(
    settings: Settings, selector: Selector = None, output_format: Format = None, no_headers: NoHeaders = False
) -> int:
    """List nodes: booked and bookable cores, memory and GPUs."""
    asked = (
        output.parse(output_format, formats=output.LISTS) if output_format is not None else output.Output()
    )
    api = settings.api()
    params = {"labelSelector": selector} if selector else {}
    nodes: list[Object] = api.call("GET", api.path(kinds.NODE), params=params)["items"]
    if output_format is not None:
        typed = [output.without_noise(output.typed(node, kinds.NODE)) for node in nodes]
        screen.out(output.whole(typed, asked), end="")
        return 0
    if not nodes:
        screen.note("no nodes; make this machine one: kohakuriver up")
        return 0
    rows = overview.rows([readable.node(node) for node in nodes], allocations(api), SystemClock().now())
    screen.out(
        "\n".join(table.Printer(screen.width()).lines(rows if no_headers else [overview.TITLES, *rows]))
    )
    return 0


def allocations(api: Api) -> dict[str, Object] | None:
    """The bookings by node; None for somebody who may not read them."""
    try:
        items = api.call("GET", api.path(kinds.NODE_ALLOCATION))["items"]
    except errors.Forbidden:
        return None
    return {str(item["metadata"]["name"]): readable.allocation(item) for item in items}
