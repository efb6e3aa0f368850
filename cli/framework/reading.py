"""Reads the command lines that are typed most, without importing typer: that takes as long as all they need.

    words ─► the command, by the catalogue ─► its function ─► what that declares ─► the call

Only what is written word for word is read here: options by their full names, each once, with values that
cannot be taken for options. For everything else, mistakes and help among them, typer is asked. Both go by the
same declarations (`declared.py`) and call the same function.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from kohakuriver.cli.framework import catalogue, declared, global_options
from kohakuriver.cli.framework.declared import Argument, Option
from kohakuriver.cli.framework.settings import Settings

Values = dict[str, Any]


class Unread(Exception):
    """Typer has to read it."""


class Line(NamedTuple):
    """What a command line says: a command's function, and what it is called with."""

    function: Callable[..., int]
    settings: Settings
    values: Values

    def call(self) -> int:
        """Carry it out; the exit code."""
        with self.settings.opened:
            return self.function(self.settings, **self.values)


def read(words: Sequence[str]) -> Line | None:
    """What the words say; None where typer is to read them."""
    try:
        return _read(list(words))
    except Unread:
        return None


def _read(words: list[str]) -> Line:
    before = Parameters(global_options.OPTIONS.items())
    entry = _command(words, before, catalogue.ENTRIES)
    if entry.is_group:
        between = Parameters(global_options.OPTIONS.items())
        entry = _command(words, between, entry.commands)
        before.values |= between.values
    if not entry.quick:
        raise Unread
    function = _function(entry)
    behind = Parameters(_declarations(function))
    behind.read(words)
    try:
        settings = global_options.read(
            {**global_options.given(before.values), **global_options.given(behind.values)}
        )
    except ValueError:
        raise Unread from None
    given = {name: value for name, value in behind.values.items() if name not in global_options.OPTIONS}
    return Line(function, settings, given)


def options_of(entry: catalogue.Entry) -> Iterator[tuple[list[str], bool, str]]:
    """Of each option of a quick command its names, whether it takes a value, and what it is."""
    for _, annotation in _declarations(_function(entry)):
        kind, one = declared.split(annotation)
        if isinstance(one, Option):
            on = [name.partition("/")[0] for name in one.names]
            off = [name.partition("/")[2] for name in one.names if "/" in name]
            yield [*on, *off], declared.plain(kind) is not bool, one.words["help"] or ""


def _function(entry: catalogue.Entry) -> Any:
    return getattr(importlib.import_module(entry.path), entry.function or entry.name)


def _declarations(function: Any) -> list[tuple[str, Any]]:
    """What it takes, the global options included."""
    own = [(name, function.__annotations__[name]) for name, _, _ in declared.of(function)]
    return [*own, *global_options.OPTIONS.items()]


def _command(words: list[str], options: "Parameters", entries: Sequence[catalogue.Entry]) -> catalogue.Entry:
    """The command that comes next, and is taken off the words, after options."""
    while words and words[0].startswith("-"):
        options.take(words)
    entry = catalogue.find(words.pop(0), entries) if words else None
    if entry is None:
        raise Unread
    return entry


class Parameters:
    """What a command takes, and what was given of it so far."""

    def __init__(self, declarations: Any) -> None:
        self.values: Values = {}
        self._arguments: list[tuple[str, type | None, Argument]] = []
        self._options: dict[str, tuple[str, type | None, bool]] = {}  # the value, of a switch
        for name, annotation in declarations:
            kind, one = declared.split(annotation)
            if isinstance(one, Argument):
                self._arguments.append((name, declared.plain(kind), one))
            elif isinstance(one, Option):
                for spelling, value in _spellings(one):
                    self._options[spelling] = (name, declared.plain(kind), value)
            else:
                raise Unread

    def read(self, words: list[str]) -> None:
        """All the words that are left. Raises Unread."""
        found: list[str] = []
        while words and words[0] != "--":
            if words[0].startswith("-"):
                self.take(words)
            else:
                found.append(words.pop(0))
        commands = [name for name, _, one in self._arguments if one.is_command]
        if bool(words) != bool(commands) or "" in found:
            raise Unread
        if commands:
            self.values[commands[0]] = words[1:]
        for name, kind, _ in self._arguments:
            if name in commands:
                continue
            if kind is list:
                self._set(name, found)
                found = []
            elif found:
                self._set(name, found.pop(0))
            elif commands:
                raise Unread
        if found or (commands and not words[1:]):
            raise Unread

    def take(self, words: list[str]) -> None:
        """The option that is the first word, off the words, and its value. Raises Unread."""
        word = words.pop(0)
        spelling, equals, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
        name, kind, switched = self._options.get(spelling) or _unread()
        if kind is bool:
            if equals or value:
                raise Unread
            self._set(name, switched)
            return
        if not equals and not value and words:
            value = words.pop(0)
        if not value or value.startswith("-" if not equals else "\0") or (not equals and "=" in word):
            raise Unread
        self._set(name, value if kind is str else _unread())

    def _set(self, name: str, value: Any) -> None:
        if name in self.values:
            raise Unread
        if value != []:
            self.values[name] = value


def _spellings(option: Option) -> Iterator[tuple[str, bool]]:
    for name in option.names:
        on, _, off = name.partition("/")
        yield on, True
        if off:
            yield off, False


def _unread() -> Any:
    raise Unread
