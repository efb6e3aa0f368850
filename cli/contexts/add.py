"""`config add`: the contexts of another config file, beside those there are."""

import copy
from pathlib import Path
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.contexts.file import SECTIONS, Config, ConfigFile
from kohakuriver.client import config as configs

EXAMPLES = """
kohakuriver config add alice.config --as prod
kohakuriver config add alice.config --as lab --use
"""

Other = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", show_default=False, help="A config file, such as you were given."),
]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="What its current context is called here.", show_default=False),
]
Use = Annotated[bool, typer.Option("--use", help="It counts from now on.")]


def add(other: Other = None, name: As = None, use: Use = False, config: Config = None) -> int:
    """Take the current context of another config file into yours, so that one file knows several clusters."""
    if other is None:
        raise failures.UsageError("which file is meant?", hint="kohakuriver config add FILE --as NAME")
    theirs = ConfigFile(other, configs.read(other.expanduser()))
    mine = files.new_or_old(config)
    called = name or theirs.current
    if called in mine.names("contexts"):
        raise errors.ConfigError(
            f'{mine.path} has a context "{called}"', hint="call the new one otherwise: --as NAME"
        )
    _take(mine, theirs, called)
    if use or not mine.current:
        mine.body["current-context"] = called
    mine.save()
    screen.out(f'context "{called}" added')
    if mine.current != called:
        screen.note(f"it counts after: kohakuriver config use-context {called}")
    return 0


def _take(mine: ConfigFile, theirs: ConfigFile, called: str) -> None:
    """Its cluster and its user come under the same name, which nobody else has."""
    context = theirs.entry("contexts", theirs.current)
    found = {"contexts": {**copy.deepcopy(context), "cluster": called, "user": called}}
    for section in ("clusters", "users"):
        found[section] = copy.deepcopy(theirs.entry(section, str(context.get(SECTIONS[section]))))
        _make_absolute(found[section], theirs.path)
    for section, inner in found.items():
        entries = mine.body.setdefault(section, None) or []
        mine.body[section] = [one for one in entries if one.get("name") != called]
        mine.body[section].append({"name": called, SECTIONS[section]: inner})


def _make_absolute(inner: dict[str, object], file: Path) -> None:
    """Paths are relative to the file they stand in."""
    for field in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if inner.get(field):
            inner[field] = str(file.expanduser().resolve().parent / str(inner[field]))
