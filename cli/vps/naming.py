"""The name of a new VPS: the one that `vps create` is given, by a word or by --name, or a generated one.

Other tools have an image where the name stands. Pure, but for the dice that it is handed.
"""

import random
import re
import shlex
from collections.abc import Sequence

from kohakuriver.cli import failures

_VOLUME = re.compile(r"[^/:]+:/.*")  # home:/root
_CREATE = ("kohakuriver", "vps", "create")
ALPHABET = "23456789bcdfghjkmnpqrstvwxz"  # no vowels, so no words; nothing that reads like another
LENGTH = 5


def generate(dice: random.Random) -> str:
    """A name such as `vps-7k2mq`."""
    return "vps-" + "".join(dice.choice(ALPHABET) for _ in range(LENGTH))


def chosen(words: Sequence[str], option: str | None) -> str | None:
    """The name; None for a new one. Raises UsageError."""
    for word in words:
        _refuse(word, [other for other in words if other != word])
    given = list(dict.fromkeys([*words, *([option] if option is not None else [])]))
    if len(words) <= 1 and len(given) > 1:
        raise failures.UsageError(
            f'one VPS has one name: "{given[0]}", or --name {given[1]}?', hint="leave one of them out"
        )
    if len(given) > 1:
        first, *rest = words
        raise failures.UsageError(
            f'one VPS has one name, and "{rest[0]}" is one word more',
            hint=f"run a command in it: {shlex.join(['kohakuriver', 'exec', first, '--', *rest])}",
        )
    return given[0] if given else None


def is_image(word: str) -> bool:
    """Whether it can be nothing but an image: `debian:12`, `team/debian`."""
    return ":" in word or "/" in word


def _refuse(word: str, others: Sequence[str]) -> None:
    name = shlex.join([*_CREATE, *[one for one in others if not is_image(one)][:1]])
    if word.startswith(("/", "~", "./")) and ":" in word:
        raise failures.UsageError(f'"{word}" is a mount: {name} --mount {shlex.quote(word)}')
    if _VOLUME.fullmatch(word):
        raise failures.UsageError(f'"{word}" is a volume: {name} --volume {shlex.quote(word)}')
    if is_image(word):
        raise failures.UsageError(f'"{word}" is an image: {name} --image {shlex.quote(word)}')
