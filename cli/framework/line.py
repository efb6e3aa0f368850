"""A command line that is being typed: which command it is, what it says so far, what comes next. Pure."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kohakuriver.cli.framework import catalogue

OptionsOf = Callable[[catalogue.Entry], Mapping[str, bool]]
"""Each spelling of each option of a command, and whether it takes a value."""
GLOBALS = {
    "--config": "config",
    "--context": "context",
    "--namespace": "namespace",
    "-n": "namespace",
    "--request-timeout": "request_timeout",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """What stands before the word that is being typed, and that word."""

    entry: catalogue.Entry | None  # the command or the group; None: none yet
    arguments: tuple[str, ...]  # of the command
    option: str  # the option whose value is being typed
    partial: str  # what there is of the word (of the value, after `=`)
    prefix: str  # what of the word stands before that: `--output=`
    given: dict[str, Any]  # the global options

    @property
    def needs_command(self) -> bool:
        return self.entry is None or self.entry.is_group


def read(words: Sequence[str], options: OptionsOf) -> Line:
    """The last word is the one being typed. `options` says which options of a command take values."""
    *before, partial = _joined(words) or [""]
    entry: catalogue.Entry | None = None
    arguments: list[str] = []
    given: dict[str, Any] = {}
    waiting = ""
    for word in before:
        if waiting:
            _note(given, waiting, word)
            waiting = ""
        elif word.startswith("-") and word != "-":
            name, equals, value = word.partition("=")
            if equals:
                _note(given, name, value)
            elif _takes_value(entry, name, options):
                waiting = name
        elif entry is None or entry.is_group:
            entry = catalogue.find(word, entry.commands if entry else catalogue.ENTRIES) or _NONE
        else:
            arguments.append(word)
    name, equals, value = partial.partition("=")
    if not waiting and equals and name.startswith("-"):
        return Line(entry, tuple(arguments), name, value, f"{name}=", given)
    return Line(entry, tuple(arguments), waiting, partial, "", given)


_NONE = catalogue.Entry("", "", "", "")  # what is typed is not a command: nothing follows it


def _takes_value(entry: catalogue.Entry | None, name: str, options: OptionsOf) -> bool:
    if name in GLOBALS:
        return entry is None or entry.is_group or entry.remote or options(entry).get(name, False)
    return entry is not None and entry is not _NONE and not entry.is_group and options(entry).get(name, False)


def _note(given: dict[str, Any], name: str, value: str) -> None:
    if name in GLOBALS:
        given[GLOBALS[name]] = value


def _joined(words: Sequence[str]) -> list[str]:
    """bash cuts words at `=`: `--output`, `=`, `ya`."""
    found: list[str] = []
    for word in words:
        if found and word == "=":
            found[-1] += "="
        elif found and found[-1].startswith("--") and found[-1].endswith("=") and word:
            found[-1] += word
        else:
            found.append(word)
    return found
