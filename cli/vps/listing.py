"""Shows the VPSes there are, each with why it is not running. `overview.py` lays them out."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import readable
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.view import table
from kohakuriver.cli.vps import overview
from kohakuriver.cli.vps.wide import Wide
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds

if TYPE_CHECKING:
    from kohakuriver.cli.kubectl.output import Output

_COLOURS = {
    "running": "32",
    "paused": "36",
    "pending": "33",
    "assigning": "33",
    "lost": "31",
    "terminating": "35",
    "stopped": "2",
}


def show(
    settings: Settings,
    words: Sequence[str] = (),
    *,
    everything: bool = False,
    all_namespaces: bool = False,
    selector: str | None = None,
    output_format: str | None = None,
    no_headers: bool = False,
) -> int:
    """Those of these names, or all; the exit code. Raises UsageError for a format that there is not, and what
    the server says."""
    asked = _format(output_format) if output_format is not None else None
    if words and (all_namespaces or selector):
        option = "-A" if all_namespaces else "-l"
        raise failures.UsageError(f"names and {option} do not go together", hint="leave one of them out")
    api = settings.api()
    namespace = None if all_namespaces else api.namespace
    present, good = _named(api, words) if words else (_all(api, namespace, selector), True)
    read = [(one, readable.vps(one)) for one in present]
    read = [(one, vps) for one, vps in read if words or everything or not overview.is_stopped(vps)]
    shown = [one for one, _ in read]
    if asked is not None and (asked.render is not None or asked.columns is not None):
        _show_whole(shown, asked)
        return 0 if good else 1
    if shown:
        wide = _wide(api, settings) if asked is not None and asked.wide else None
        _show([vps for _, vps in read], wide, headers=not no_headers, with_namespace=all_namespaces)
    if not words:
        _tell_of_hidden(api, len(shown), len(present) - len(shown), namespace, selector)
    return 0 if good else 1


def _format(text: str) -> "Output":
    """The format that is asked for. Raises UsageError."""
    from kohakuriver.cli.kubectl import output

    return output.parse(text, formats=output.WIDE)


def _show_whole(vpses: Sequence[Object], asked: "Output") -> None:
    from kohakuriver.cli.kubectl import output

    typed = [output.without_noise(output.typed(vps, kinds.VPS)) for vps in vpses]
    screen.out(output.whole(typed, asked), end="")


def _named(api: Api, words: Sequence[str]) -> tuple[list[Object], bool]:
    from kohakuriver.cli import lookup

    return lookup.present(api, words)


def _all(api: Api, namespace: str | None, selector: str | None) -> list[Object]:
    params = {"labelSelector": selector} if selector else {}
    found: list[Object] = api.call("GET", api.path(kinds.VPS, namespace=namespace), params=params)["items"]
    return found


def _wide(api: Api, settings: Settings) -> Wide:
    """Who may not read nodes sees their names in place of addresses."""
    try:
        nodes = api.call("GET", api.path(kinds.NODE))["items"]
    except errors.Forbidden:
        nodes = []
    return Wide({node["metadata"]["name"]: readable.node(node) for node in nodes}, settings.reader())


def _show(vpses: Sequence[Object], wide: Wide | None, *, headers: bool, with_namespace: bool) -> None:
    lines = overview.lines(
        vpses,
        SystemClock().now(),
        width=screen.width(),
        headers=headers,
        with_namespace=with_namespace,
        wide=wide,
        paint=_paint(with_namespace),
    )
    screen.out("\n".join(lines))


def _tell_of_hidden(api: Api, shown: int, hidden: int, namespace: str | None, selector: str | None) -> None:
    if hidden:
        count = "1 stopped VPS is" if hidden == 1 else f"{hidden} stopped VPSes are"
        screen.note(f"{count} not shown (--all shows {'it' if hidden == 1 else 'them'})")
    elif not shown:
        from kohakuriver.cli import absent  # where there is something to show, nothing of it is needed

        otherwise = f' with the labels "{selector}"' if selector else "; make one: kohakuriver vps create"
        screen.note(absent.none(api, [kinds.VPS], namespace=namespace, otherwise=otherwise))


def _paint(with_namespace: bool) -> table.Paint | None:
    """Phases in colours, where these are welcome."""
    if not screen.has_colour(sys.stdout):
        return None
    column = 2 if with_namespace else 1

    def paint(index: int, cell: str) -> str:
        code = _COLOURS.get(cell.strip()) if index == column else None
        return screen.coloured(cell, code, sys.stdout) if code else cell

    return paint
