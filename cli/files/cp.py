"""`kohakuriver cp`: files and folders between this machine and a VPS, through the API server."""

import asyncio
from typing import Annotated

import typer

from kohakuriver.cli import lookup, screen
from kohakuriver.cli.files import copy, place
from kohakuriver.cli.files.client import FilesClient, opener
from kohakuriver.cli.files.meter import Meter
from kohakuriver.cli.framework.settings import Settings

EXAMPLES = """
kohakuriver cp data.tar dev:                # into root's home folder
kohakuriver cp src dev:/srv                 # /srv/src, or /srv where there is none yet
kohakuriver cp dev:/var/log/app.log .
kohakuriver cp dev:results/. results        # what is in it, not the folder itself
"""

_SHOWN = 10  # of what was left out


def cp(
    settings: Settings,
    source: Annotated[str, typer.Argument(metavar="SRC", show_default=False, help="A path, or NAME:PATH.")],
    target: Annotated[str, typer.Argument(metavar="DST", show_default=False, help="The other of both.")],
) -> int:
    """Copy a file or a folder to a VPS or from one. Modes and times are kept; NAME:PATH begins in root's home
    folder unless PATH begins with a slash. Nothing in the image is needed for it."""
    one, other = place.pair(source, target)
    (vps,) = lookup.find(settings.api(), [one.vps or other.vps])
    files = FilesClient(opener(settings.connection(), vps["metadata"]["name"]))
    return asyncio.run(_copy(files, one, other))


async def _copy(files: FilesClient, source: place.Place, target: place.Place) -> int:
    def measure(what: str, total: int | None) -> Meter:
        return Meter(what, total=total)

    try:
        notes = await (copy.fetch if source.vps else copy.send)(files, source, target, measure)
    finally:
        files.close()
    for words in notes[:_SHOWN]:
        screen.warn(f"left out: {words}")
    if len(notes) > _SHOWN:
        screen.warn(f"left out: {len(notes) - _SHOWN} more")
    return 1 if notes else 0
