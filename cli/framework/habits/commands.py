"""Which commands an unknown word may have meant, with what was typed beside it, ready to be typed. Pure.

A word is looked for among the words of other tools, in the other groups, then as a name that stands before
its command, then by likeness. Words that are commands never come here.
"""

import dataclasses
import difflib
import re
from collections.abc import Sequence

from kohakuriver.cli.framework import catalogue
from kohakuriver.cli.framework.catalogue import Entry
from kohakuriver.cli.framework.habits import brought, snapshots

_FIRST = "vps"  # the group that is meant before all others
_LIKE = 0.7  # how like a command a word has to be
_CLOSE = 0.1  # how much less like it than the most like one another may be
_OF_INCUS = re.compile(r"images:([a-z]+)/([a-z0-9.]+)(?:/[a-z0-9]+)?")
Words = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Meant:
    """Command lines, without the name of the program."""

    lines: tuple[Words, ...] = ()
    is_order: bool = False
    """Whether the words are right, and only their order is not."""
    aside: str = ""
    """Which of the options typed are left out of the lines, and what there is in their place."""


def meant(group: str, word: str, rest: Sequence[str]) -> Meant:
    """What `kohakuriver GROUP WORD REST…` may have meant. GROUP is empty at the top."""
    found = _exactly(group, word, rest)
    if found:
        return Meant(tuple(found), aside=_left_out(rest) if word in brought.MAKERS else "")
    turned = _turned(group, word, rest)
    if turned:
        return Meant((turned,), is_order=True)
    return Meant(tuple((*path, *rest) for path in _alike(group, word)))


def _exactly(group: str, word: str, rest: Sequence[str]) -> list[Words]:
    if word == "file" and rest and rest[0] in brought.FILES:
        return [("cp", *rest[1:])]
    if group == "top":
        return [_used(word, rest)]
    if group in ("", _FIRST) and (found := snapshots.meant(word, rest)):
        return found
    path = _within(group, word, rest) if group else ()
    if path:
        return [_line(path, word, rest)]
    table = brought.ANYWHERE if rest else {**brought.ANYWHERE, **brought.ALONE}
    if word in table:
        return [_line(tuple(table[word].split()), word, rest)]
    return [(*path, *rest) for path in _in_groups(word)]


def _within(group: str, word: str, rest: Sequence[str]) -> Words:
    """The command of the group that does it, or the one at the top that does it to the group's kind."""
    commands = _commands(group)
    for other in brought.VERBS.get(word, ()):
        if catalogue.find(other, commands) and not (word == "get" and rest):
            return (group, other)
    entry = catalogue.find(word)
    if entry is None or (entry.is_group and entry.name != "top"):
        inner = catalogue.find(rest[0], entry.commands) if entry and rest else None
        return (word,) if inner else ()
    return _on_kind(entry, group)


def _used(word: str, rest: Sequence[str]) -> Words:
    """`top` shows kinds; a word that is not one names a VPS."""
    if word in ("no", "node"):
        return ("top", "nodes", *rest)
    is_kind = word in ("po", "pod", "pods", "vpses") or _alike("top", word)
    return ("top", "vps", *rest) if is_kind else ("top", "vps", word, *rest)


def _on_kind(entry: Entry, group: str) -> Words:
    """`describe vps` for `vps describe`; nothing where the command has nothing to do with the group."""
    if entry.name == "top":
        return ("top", brought.TOPS[group]) if group in brought.TOPS else ()
    if entry.names == "kind" or (entry.name == "events" and group != _FIRST):
        return (entry.name, brought.KINDS[group]) if group in brought.KINDS else ()
    return () if entry.names == "vps" and group != _FIRST else (entry.name,)


def _in_groups(word: str) -> list[Words]:
    groups = [one for one in catalogue.ENTRIES if one.is_group and catalogue.find(word, one.commands)]
    chosen = [one for one in groups if one.name == _FIRST] or groups
    return [(one.name, word) for one in chosen]


def _turned(group: str, name: str, rest: Sequence[str]) -> Words:
    """`vps stop lab` for `vps lab stop`, `lab vps stop` and `lab stop`."""
    if not rest or rest[0].startswith("-"):
        return ()
    verb, *after = rest
    if group and catalogue.find(verb, _commands(group)):
        return (group, verb, name, *after)
    entry = catalogue.find(verb)
    if entry is None or group:
        found = _exactly(group, verb, [name, *after])
        return found[0] if len(found) == 1 else ()
    if not entry.is_group:
        return (*(_on_kind(entry, _FIRST) or (verb,)), name, *after)
    if after and catalogue.find(after[0], entry.commands):
        return (verb, after[0], name, *after[1:])
    return ()


def _alike(group: str, word: str) -> list[Words]:
    """The commands that look most like it: of the group, or of the top and of `vps`."""
    paths: dict[str, Words] = {one.name: (group, one.name) for one in _commands(group)} if group else {}
    if not group:
        paths |= {one.name: (_FIRST, one.name) for one in _commands(_FIRST)}
        paths |= {one.name: (one.name,) for one in catalogue.ENTRIES}
    alike = {name: difflib.SequenceMatcher(None, name, word).ratio() for name in paths}
    best = max(alike.values())
    near = sorted((name for name in alike if alike[name] >= max(best - _CLOSE, _LIKE)), key=alike.__getitem__)
    return [paths[name] for name in near[::-1][:2]]


def _commands(group: str) -> Sequence[Entry]:
    entry = catalogue.find(group) if group else None
    return entry.commands if entry else catalogue.ENTRIES


def _line(path: Words, word: str, rest: Sequence[str]) -> Words:
    if word in brought.MAKERS:
        return (*path, *_made(word, rest))
    if path == ("exec",) and len(rest) > 1 and "--" not in rest and not rest[0].startswith("-"):
        return (*path, rest[0], "--", *rest[1:])
    if path[-1:] == ("delete",):
        return (*path, *("--force" if one == "-f" else one for one in rest))
    return (*path, *rest)


def _made(word: str, rest: Sequence[str]) -> Words:
    """The options of `docker run` without those that mean nothing here, and its image as --image."""
    found: list[str] = []
    option = ""  # the one whose value comes next
    for place, one in enumerate(rest):
        if option or one.startswith("-"):
            if not _reason(option or one) and one not in brought.LONE:
                found.append(one if option else brought.CALLED.get(one, one))
            option = one if not option and _takes_the_next(one) else ""
            continue
        behind = rest[place + 1 :] if word != "run" else ()  # there it is a command
        return (*found, "--image", _OF_INCUS.sub(r"\1:\2", one), *behind)
    return tuple(found)


def _takes_the_next(option: str) -> bool:
    """Whether the next word is the value of this option of `docker run`."""
    is_joined = "=" in option or (option[:2] in brought.LEFT_OUT and len(option) > 2 and option[1] != "-")
    return not is_joined and option not in brought.LONE | brought.FLAGS


def _reason(option: str) -> str:
    """Why a VPS is not created with this option; empty for one that is not left out."""
    name = option.partition("=")[0]
    return brought.LEFT_OUT.get(name) or ("" if name.startswith("--") else brought.LEFT_OUT.get(name[:2], ""))


def _left_out(words: Sequence[str]) -> str:
    reasons = dict.fromkeys(filter(None, map(_reason, words)))
    return "left out: " + "; ".join(reasons) if reasons else ""
