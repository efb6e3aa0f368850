"""`config set`: one value of the config file, named as kubectl names it."""

from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.contexts.file import SECTIONS, Config

EXAMPLES = """
kohakuriver config set current-context kohakuriver
kohakuriver config set contexts.kohakuriver.namespace default
"""
_HINT = "there are current-context, and SECTION.NAME.FIELD with SECTION one of clusters, users and contexts"

Property = Annotated[
    str | None,
    typer.Argument(metavar="PROPERTY", show_default=False, help="Such as contexts.NAME.namespace."),
]
Value = Annotated[str | None, typer.Argument(metavar="VALUE", show_default=False, help="What it shall be.")]


def set_value(name: Property = None, value: Value = None, config: Config = None) -> int:
    """Set a value in the config file: which context counts, or a field of a cluster, a user or a context."""
    if name is None or value is None:
        raise failures.UsageError("a property and its value are needed", hint=_HINT)
    found = files.load(config)
    if name == "current-context":
        files.check_context(found, value)
        found.body["current-context"] = value
    else:
        section, entry, field = _path(name)
        found.entry(section, entry)[field] = value
    found.save()
    screen.out(f'property "{name}" set')
    return 0


def _path(name: str) -> tuple[str, str, str]:
    """SECTION.NAME.FIELD; the name may hold dots. Raises UsageError."""
    section, _, rest = name.partition(".")
    entry, _, field = rest.rpartition(".")
    if section not in SECTIONS or not entry or not field:
        raise failures.UsageError(f'there is no property "{name}"', hint=_HINT)
    return section, entry, field
