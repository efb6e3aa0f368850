"""The error for a word that is not a command: what it may have meant, ready to be typed. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from kohakuriver.cli import failures
from kohakuriver.cli.framework.habits import commands


def command(group: str, words: Sequence[str], given: Mapping[str, Any]) -> failures.UsageError:
    """What to say of `kohakuriver GROUP WORDS…`, whose first word is not a command.

    Args:
        given: the global options before it.
    """
    word, *rest = words
    meant = commands.meant(group, word, rest)
    lines = " or ".join(shlex.join(["kohakuriver", *_options(given), *line]) for line in meant.lines)
    if meant.is_order:
        return failures.UsageError(f"the command comes before the name: {lines}")
    path = f"{group} " if group else ""
    return failures.UsageError(
        f'there is no command "{path}{word}"' + (f"; did you mean: {lines}" if lines else ""),
        hint=meant.aside or f"list the commands: kohakuriver {path}--help",
    )


def _options(given: Mapping[str, Any]) -> list[str]:
    """The global options, as they are typed."""
    found = []
    for name, value in given.items():
        option = "--" + name.replace("_", "-")
        found += [option] if value is True else [option, str(value)]
    return found
