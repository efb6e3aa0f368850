"""Which VPSes a filter means: each word is in the name, phase, node, a label …; `!word` is not. Pure."""

from typing import Any

from kohakuriver.resources.view import VPS

Object = dict[str, Any]


def matches(vps: Object, words: str) -> bool:
    """Whether all of the words hold; none do for every VPS."""
    wanted = words.lower().split()
    return not wanted or all(_holds(word, _texts(vps)) for word in wanted)


def _holds(word: str, texts: list[str]) -> bool:
    is_wanted = not word.startswith("!")
    bare = word.removeprefix("!")
    return not bare or any(bare in text for text in texts) is is_wanted


def _texts(vps: Object) -> list[str]:
    found = VPS.of(vps)
    texts = [found.name, found.namespace, found.word, found.node, found.spec.image, found.spec.environment]
    texts += [f"{key}={value}" for key, value in found.labels.items()]
    return [text.lower() for text in texts]
