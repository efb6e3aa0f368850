"""`vps list`: the VPSes there are, each with why it is not running. `overview.py` lays them out."""

import sys
from typing import Annotated

import typer

from kohakuriver.cli import output, readable, screen, table
from kohakuriver.cli.http import Object
from kohakuriver.cli.settings import Settings
from kohakuriver.cli.vps import overview
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver vps list
kohakuriver vps list --all
kohakuriver vps list -A -l team=red -o name
"""

_COLOURS = {
    "running": "32",
    "paused": "36",
    "pending": "33",
    "assigning": "33",
    "lost": "31",
    "Terminating": "35",
    "stopped": "2",
}

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
    asked = output.parse(output_format) if output_format is not None else output.Output()
    api = settings.api()
    path = api.path(kinds.VPS, namespace=None if all_namespaces else api.namespace)
    answer = api.call("GET", path, params={"labelSelector": selector} if selector else {})
    present: list[Object] = answer["items"]
    shown = [vps for vps in present if everything or not overview.is_stopped(readable.vps(vps))]
    if output_format is not None:
        typed = [output.without_noise(output.typed(vps, kinds.VPS)) for vps in shown]
        screen.out(output.whole(typed, asked), end="")
        return 0
    if shown:
        now, width = SystemClock().now(), screen.width()
        screen.out(
            "\n".join(
                overview.lines(
                    [readable.vps(vps) for vps in shown],
                    now,
                    width=width,
                    headers=not no_headers,
                    with_namespace=all_namespaces,
                    paint=_paint(all_namespaces),
                )
            )
        )
    _tell_of_hidden(len(shown), len(present) - len(shown), "" if all_namespaces else api.namespace)
    return 0


def _tell_of_hidden(shown: int, hidden: int, namespace: str) -> None:
    place = f" in namespace {namespace}" if namespace else ""
    if hidden and (not shown or sys.stderr.isatty()):
        count = "1 stopped VPS is" if hidden == 1 else f"{hidden} stopped VPSes are"
        screen.note(f"{count} not shown{place}: kohakuriver vps list --all")
    elif not shown:
        screen.note(f"no VPSes{place}: `kohakuriver vps create` makes one")


def _paint(with_namespace: bool) -> table.Paint | None:
    """Phases in colours, where these are welcome."""
    if not screen.has_colour(sys.stdout):
        return None
    column = 2 if with_namespace else 1

    def paint(index: int, cell: str) -> str:
        code = _COLOURS.get(cell.strip()) if index == column else None
        return screen.coloured(cell, code, sys.stdout) if code else cell

    return paint
