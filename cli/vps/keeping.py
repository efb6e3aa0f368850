"""How long files that others replace are kept, as the options say it, and under which name they lie then."""

from collections.abc import Iterable
from typing import Annotated

import typer

from kohakuriver import durations, errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.view import snapshots
from kohakuriver.cli.view.standing import Reader
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS

A_WEEK = "7d"

KeepFor = Annotated[
    str | None,
    typer.Option(
        "--keep-for",
        metavar="DURATION",
        help=f"How long the files there now are kept, as a snapshot. [default: {A_WEEK}]",
        show_default=False,
    ),
]
Discard = Annotated[
    bool, typer.Option("--discard", help="Do not keep the files there now: they are gone for good.")
]


def read(text: str) -> str:
    """The same, if it is a duration of more than nothing. Raises UsageError."""
    try:
        seconds = durations.parse(text)
    except ValueError:
        raise failures.UsageError(
            f'invalid --keep-for "{text}": write a duration such as 12h or 7d',
            hint="a bare number counts seconds",
        ) from None
    if not seconds:
        raise failures.UsageError(f'invalid --keep-for "{text}": write a duration such as 12h or 7d')
    return text


def of_what_is_replaced(keep_for: str | None, *, discard: bool) -> str | None:
    """`spec.keepReplacedFiles`; None where the files are given up. Raises UsageError."""
    if discard and keep_for is not None:
        raise failures.UsageError("--keep-for and --discard do not go together", hint="leave one of them out")
    return None if discard else read(keep_for or A_WEEK)


def next_word(vps: Object) -> int:
    """A higher `spec.replaceFiles` than was ever heard, so that it counts whatever was declared."""
    found = VPS.of(vps)
    return max(found.spec.replace_files, found.observed.replace_files) + 1


def announce(vpses: Iterable[Object]) -> None:
    """As what the files that each has now given up will be kept."""
    for vps in vpses:
        found = VPS.of(vps)
        aside = snapshots.title(snapshots.set_aside(found.name, found.spec.replace_files))
        long = found.spec.raw.get("keepReplacedFiles")
        screen.note(f"the files of vps/{found.name} as they are now are kept for {long} as {aside}")


def tell(api: Api, vpses: Iterable[Object], reader: Reader) -> None:
    """As what the files are kept that others have replaced, and how they come back; nothing of a VPS that had
    none."""
    for vps in vpses:
        found = VPS.of(vps)
        path = api.path(kinds.SNAPSHOT, namespace=found.namespace)
        try:
            items = api.call("GET", path, params={"fieldSelector": f"spec.vps.name={found.name}"})["items"]
        except (errors.NotFound, errors.Forbidden):
            continue
        kept = snapshots.replaced_by(items, vps)
        if kept is None:
            continue
        long = kept.spec.raw.get("keepFor")
        limit = f" for {long}" if long else ""
        undo = reader.command(f"vps restore {found.name} --undo", vps)
        screen.note(f"what was there is kept{limit} as {snapshots.title(kept.name)}; to undo: {undo}")
