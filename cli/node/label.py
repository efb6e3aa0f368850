"""`node label`: set labels of a node, or take them away; node selectors of VPSes look at them."""

from typing import Annotated

import typer

from cli import failures, screen
from cli.node import change, lookup
from cli.settings import Settings

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
    wanted = parse(changes)
    api = settings.api()
    (node,) = lookup.find(api, [name] if name else [], verb="label")
    present = node["metadata"].get("labels") or {}
    for key, value in wanted.items():
        if value is not None and present.get(key, value) != value and not overwrite:
            raise failures.UsageError(
                f"{change.title(node)} has the label {key}={present[key]}",
                hint="add --overwrite to change it",
            )
    change.patch(api, node, {"metadata": {"labels": wanted}})
    screen.out(f"{change.title(node)} labeled")
    return 0


def parse(words: list[str]) -> dict[str, str | None]:
    """Labels to set, and None for those to take away. Raises UsageError."""
    found: dict[str, str | None] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and not word.endswith("-"):
            raise failures.UsageError(
                f'"{word}" is no label', hint="write KEY=VALUE, or KEY- to take it away"
            )
        key = key if equals else word[:-1]
        if not key or key in found:
            raise failures.UsageError(
                f'"{word}": {"the key is missing" if not key else "the key is named twice"}',
                hint="write KEY=VALUE, or KEY- to take it away",
            )
        found[key] = value if equals else None
    if not found:
        raise failures.UsageError("no label is named", hint="kohakuriver node label NODE KEY=VALUE")
    return found
