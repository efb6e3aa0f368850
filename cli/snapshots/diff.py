"""`vps diff`: which files of a VPS differ, from its image or from a snapshot."""

import asyncio
import json
from typing import Annotated, Any, Final

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session import target
from kohakuriver.cli.session.ended import ending
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.snapshots import choosing
from kohakuriver.printable import plain
from kohakuriver.streams.stream import Stream

EXAMPLES = """
kohakuriver vps diff dev
kohakuriver vps diff dev dev-20261201-094500
kohakuriver vps diff dev -o name
"""
_LETTERS: Final = {"added": "A", "changed": "C", "deleted": "D"}
_FORMATS: Final = ("name", "json")
_LONGEST: Final = 1 << 18  # bytes of a line: a path has 4096, each of which may be written out

Snapshot = Annotated[
    str | None,
    typer.Argument(
        metavar="[SNAPSHOT]",
        show_default=False,
        help="Compare with this snapshot; without one, with the image that its files began from.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FORMAT", help="Paths alone: name. An object a line: json."),
]


def diff(
    settings: Settings, name: target.Name = None, snapshot: Snapshot = None, output_format: Format = None
) -> int:
    """List the files of a VPS that were added (A), changed (C) or deleted (D), running or stopped.

    Compared are type, permissions, owner, size, time and where a link leads. With a snapshot volumes are
    compared too; without one, only the files beside them. The snapshot must be on the VPS's node.
    """
    if output_format is not None and output_format not in _FORMATS:
        raise failures.UsageError(f'invalid output format "{output_format}": use name or json')
    name, at = choosing.split(name) if name else (name, "")
    named = (snapshot or at).removeprefix("snapshot/")
    vps = target.find(settings, name, command="vps diff")
    return asyncio.run(_run(vps, [("snapshot", named)] if named else [], output_format))


async def _run(vps: Target, params: list[tuple[str, str]], output_format: str | None) -> int:
    stream = await vps.stream("changes", params)
    try:
        await _tell(stream, output_format)
    except errors.Unreachable as error:
        screen.fail(f"{vps.name}: the list is cut short: {error.message}", hint="ask again")
        return 1
    finally:
        stream.framed.abort()
    return 0


async def _tell(stream: Stream, output_format: str | None) -> None:
    rest = b""
    while (message := await stream.receive()) is not None:
        if not isinstance(message, bytes):
            if ending(message) is not None:
                return
            continue
        *whole, rest = (rest + message).split(b"\n")
        if len(rest) > _LONGEST:
            raise errors.Unreachable("its node sends something else")
        if whole:
            await asyncio.to_thread(screen.out, "\n".join(line(one, output_format) for one in whole))
    raise errors.Unreachable("the connection was closed")


def line(written: bytes, output_format: str | None) -> str:
    """One difference as it is shown. Raises Unreachable for what is none. Pure."""
    try:
        found: Any = json.loads(written)
        path, letter = str(found["path"]), _LETTERS[found["kind"]]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise errors.Unreachable("its node sends something else") from None
    if output_format == "json":
        return json.dumps({"path": path, "kind": found["kind"]}, separators=(",", ":"))
    shown = plain(path.replace("\n", "\\n").replace("\t", "\\t"))
    return shown if output_format == "name" else f"{letter} {shown}"
