"""What `label` and `annotate` share: KEY=VALUE sets a mark, KEY- takes it away. `parse` is pure."""

import dataclasses
from typing import Annotated, Any

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.http import MERGE_PATCH, Api, Object
from kohakuriver.cli.framework import dry_run
from kohakuriver.cli.framework.dry_run import DryRun
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import selection
from kohakuriver.cli.kubectl.selection import All, Everywhere, Selector
from kohakuriver.resources import view
from kohakuriver.resources.kinds import ResourceType

Words = Annotated[
    list[str] | None, typer.Argument(metavar="KIND NAME... KEY=VALUE... | KEY-...", show_default=False)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="What is there may change.")]
List = Annotated[bool, typer.Option("--list", help="Show them, and change nothing.")]
__all__ = ["All", "DryRun", "Everywhere", "List", "Overwrite", "Selector", "Words"]


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """Labels, or annotations."""

    field: str  # of metadata
    noun: str
    verb: str
    done: str


LABEL = Mark("labels", "label", "label", "labeled")
ANNOTATION = Mark("annotations", "annotation", "annotate", "annotated")


def carry_out(settings: Settings, words: list[str], mark: Mark, which: selection.Which, how: "How") -> int:
    """Change the marks of everything meant; 1 when one of them went wrong."""
    things, changes = split(words)
    wanted = {} if how.listed else parse(changes, mark)
    found, good = selection.find(settings.api(), things, which)
    if how.listed:
        _list(found, mark)
        return 0 if good else 1
    for resource, body in found:
        good = _change(settings.api(), resource, body, wanted, mark, how) and good
    return 0 if good else 1


@dataclasses.dataclass(frozen=True, slots=True)
class How:
    """The options that say how."""

    overwrite: bool = False
    listed: bool = False
    dry_run: str | None = None


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """What is meant, and the changes: these hold a `=` or end in `-`."""
    first = next(
        (at for at, word in enumerate(words) if at and ("=" in word or word.endswith("-"))), len(words)
    )
    return words[:first], words[first:]


def parse(words: list[str], mark: Mark) -> dict[str, str | None]:
    """Marks to set, and None for those to take away. Raises UsageError."""
    found: dict[str, str | None] = {}
    write = "write KEY=VALUE, or KEY- to take it away"
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and not word.endswith("-"):
            raise failures.UsageError(f'invalid {mark.noun} "{word}"', hint=write)
        key = key if equals else word[:-1]
        if not key or key in found:
            wrong = "the key is missing" if not key else "the key is named twice"
            raise failures.UsageError(f'"{word}": {wrong}', hint=write)
        found[key] = value if equals else None
    if not found:
        raise failures.UsageError(f"no {mark.noun} is named", hint=write)
    return found


def check(title: str, present: dict[str, str], wanted: dict[str, str | None], mark: Mark) -> None:
    """Raises UsageError where one is there with another value."""
    for key, value in wanted.items():
        if value is not None and present.get(key, value) != value:
            raise failures.UsageError(
                f"{title} has the {mark.noun} {key}={present[key]}", hint="add --overwrite to change it"
            )


def _change(
    api: Api, resource: ResourceType, body: Object, wanted: dict[str, str | None], mark: Mark, how: How
) -> bool:
    metadata = body["metadata"]
    title, present = targets.title(resource, metadata["name"]), _present(body, mark)
    if not how.overwrite:
        check(title, present, wanted, mark)
    rehearsal = dry_run.read(how.dry_run)
    if all(present.get(key) == value for key, value in wanted.items()):
        screen.out(f"{title} not {mark.done}{rehearsal.suffix}")
        return True
    change: dict[str, Any] = {"metadata": {"uid": metadata["uid"], mark.field: wanted}}
    if rehearsal is not rehearsal.CLIENT:
        insist.call(
            api,
            "PATCH",
            api.path(resource, namespace=metadata.get("namespace"), name=metadata["name"]),
            params={"fieldManager": f"kohakuriver-{mark.verb}", **rehearsal.params},
            body=change,
            content_type=MERGE_PATCH,
        )
    screen.out(f"{title} {mark.done}{rehearsal.suffix}")
    return True


def _present(body: Object, mark: Mark) -> dict[str, str]:
    return view.Object.of(body).metadata.words(mark.field)


def _list(found: list[tuple[ResourceType, Object]], mark: Mark) -> None:
    for resource, body in found:
        if len(found) > 1:
            screen.out(f"{targets.title(resource, body['metadata']['name'])}:")
        for key, value in sorted(_present(body, mark).items()):
            screen.out(f"{key}={value}")
