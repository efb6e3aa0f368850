"""`env list`: the environments there are, where each comes from, and whether it can be used."""

import datetime
from typing import Annotated

import typer

from kohakuriver import errors, quantity
from kohakuriver.cli import default_image, screen
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output
from kohakuriver.cli.view import sections, table
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Environment

EXAMPLES = """
kohakuriver env list
kohakuriver env list -o yaml
"""
TITLES = ["NAME", "STATUS", "FROM", "NODE", "SIZE", "AGE"]

NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]
Format = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FORMAT", help="Whole objects: yaml, json, name or jsonpath=…"),
]


def list_environments(settings: Settings, output_format: Format = None, no_headers: NoHeaders = False) -> int:
    """List environments: made from a VPS, an image or a tarball."""
    asked = (
        output.parse(output_format, formats=output.LISTS) if output_format is not None else output.Output()
    )
    api = settings.api()
    found: list[Object] = api.call("GET", api.path(kinds.ENVIRONMENT))["items"]
    if output_format is not None:
        typed = [output.without_noise(output.typed(one, kinds.ENVIRONMENT)) for one in found]
        screen.out(output.whole(typed, asked), end="")
        return 0
    if not found:
        screen.note("no environments; make one of a VPS: kohakuriver env create NAME --from ID")
        _tell_of_default_image(api)
        return 0
    rows = [row(one, SystemClock().now()) for one in found]
    screen.out("\n".join(table.Printer(screen.width()).lines(rows if no_headers else [TITLES, *rows])))
    for one in map(Environment.of, found):
        if one.word == "Failed":
            screen.warn(f"{one.name}: {one.message}")
    _tell_of_default_image(api)
    return 0


def _tell_of_default_image(api: Api) -> None:
    """What VPSes start from where no environment is named. Who may not read nodes is told nothing."""
    try:
        nodes = api.call("GET", api.path(kinds.NODE))["items"]
    except errors.Forbidden:
        return
    for words in default_image.words(nodes, SystemClock().now()):
        screen.warn(words)


def row(environment: Object, now: datetime.datetime) -> table.Row:
    """The cells about one environment. Pure."""
    found = Environment.of(environment)
    image, tarball, vps = found.spec.text("image"), found.spec.text("tarball"), found.vps
    source = f"vps {vps.text('namespace')}/{vps.text('name')}" if vps else f"tarball {tarball}"
    return [
        found.name,
        found.word,
        f"image {image}" if image else source,
        vps.text("node") or "-",
        quantity.approximate_size(found.size) if found.size else "-",
        sections.ago(found.created, now),
    ]
