"""Shows the VPSes there are, each with why it is not running. `overview.py` lays them out."""

import sys
from collections.abc import Callable

from kohakuriver.cli import readable, screen, table
from kohakuriver.cli.http import Object
from kohakuriver.cli.settings import Settings
from kohakuriver.cli.vps import overview
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds

_COLOURS = {
    "running": "32",
    "paused": "36",
    "pending": "33",
    "assigning": "33",
    "lost": "31",
    "Terminating": "35",
    "stopped": "2",
}


def show(
    settings: Settings,
    *,
    everything: bool = False,
    all_namespaces: bool = False,
    selector: str | None = None,
    output_format: str | None = None,
    no_headers: bool = False,
) -> int:
    """Raises UsageError for a format that there is not, and what the server says."""
    render = _format(output_format) if output_format is not None else None
    api = settings.api()
    path = api.path(kinds.VPS, namespace=None if all_namespaces else api.namespace)
    answer = api.call("GET", path, params={"labelSelector": selector} if selector else {})
    present: list[Object] = answer["items"]
    shown = [vps for vps in present if everything or not overview.is_stopped(readable.vps(vps))]
    if render is not None:
        screen.out(render(shown), end="")
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


def _format(text: str) -> Callable[[list[Object]], str]:
    """What shows whole objects so. Raises UsageError."""
    from kohakuriver.cli import output  # a table needs nothing of it

    asked = output.parse(text)

    def render(vpses: list[Object]) -> str:
        return output.whole([output.without_noise(output.typed(vps, kinds.VPS)) for vps in vpses], asked)

    return render


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
