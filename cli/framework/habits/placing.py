"""Options may stand before their command, and between its words: they are put behind it. Pure.

    -t vm vps create lab      vps create -t vm lab
    vps --all list            vps list --all
    help vps create           vps create --help

The global options stay where they are, and so does what fits no command: that is told as it was typed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from kohakuriver.cli.framework import catalogue, dry_run
from kohakuriver.cli.framework.catalogue import Entry
from kohakuriver.cli.framework.line import GLOBALS

OptionsOf = Callable[[Entry], Mapping[str, bool]]
"""Each spelling of each option of a command, and whether it takes a value."""
_HELP = {"-h": False, "--help": False}
_GLOBALS = {**dict.fromkeys(GLOBALS, True), "-v": False, "--verbose": False}


def behind(words: Sequence[str], options: OptionsOf) -> list[str]:
    """The command line, its options behind the command."""
    typed = _asked_for_help(words)
    for entry, path, loose, rest in _readings(typed):
        if not loose or are_options(loose, _GLOBALS):
            break
        if loose[0].startswith("-") and are_options(loose, {**options(entry), **_HELP}):
            return [*path, *loose, *rest]
    return typed


def are_options(words: Sequence[str], options: Mapping[str, bool]) -> bool:
    """Whether these words are options with their values, and nothing else."""
    waits = False
    for word in words:
        wanted = False if waits else _wants_value(word, options)
        if wanted is None:
            return False
        waits = wanted
    return not waits


def second_word(words: Sequence[str], options: Mapping[str, bool]) -> int | None:
    """The place of the second word before `--` that belongs to no option; None where there is none."""
    end = words.index("--") if "--" in words else len(words)
    found = [at for at in range(end) if not words[at].startswith("-") and not _is_awaited(words, at, options)]
    return found[1] if len(found) > 1 else None


def _is_awaited(words: Sequence[str], at: int, options: Mapping[str, bool]) -> bool:
    return at > 0 and bool(_wants_value(words[at - 1], options))


def _wants_value(word: str, options: Mapping[str, bool]) -> bool | None:
    """Whether the next word is its value; None where it is not one of these options."""
    name, equals, _ = word.partition("=")
    if name in options:
        return options[name] and not equals and name != dry_run.OPTION
    if not word.startswith("-") or word.startswith("--"):
        return None
    for place, letter in enumerate(word[1:], start=1):  # -it, -tvm
        takes = options.get(f"-{letter}")
        if takes is not False:
            return None if takes is None else place == len(word) - 1
    return False if word != "-" else None


def _readings(words: Sequence[str]) -> Iterator[tuple[Entry, list[str], list[str], list[str]]]:
    """Each command that the words may name, its path, what stands before its last word, and what behind."""
    end = words.index("--") if "--" in words else len(words)
    for place, entry in _named(words[:end], catalogue.ENTRIES):
        before, behind_ = list(words[:place]), list(words[place + 1 :])
        if not entry.is_group:
            yield entry, [entry.name], before, behind_
        for inner, one in _named(words[place + 1 : end], entry.commands):
            yield one, [entry.name, one.name], [*before, *behind_[:inner]], behind_[inner + 1 :]


def _named(words: Sequence[str], entries: Sequence[Entry]) -> Iterator[tuple[int, Entry]]:
    for place, word in enumerate(words):
        entry = catalogue.find(word, entries)
        if entry is not None:
            yield place, entry


def _asked_for_help(words: Sequence[str]) -> list[str]:
    """`help`, before a command or a group's, as --help behind it."""
    if words[:1] == ["help"]:
        end = words.index("--") if "--" in words else len(words)  # behind it stands a command for a VPS
        return [*words[1:end], "--help"]
    group = catalogue.find(words[0]) if words[1:2] == ["help"] else None
    return [words[0], *words[2:], "--help"] if group and group.is_group else list(words)
