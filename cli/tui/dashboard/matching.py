"""Which VPSes a filter means: each word is in the name, phase, node, a label …; `!word` is not. Pure."""

from typing import Any

from kohakuriver.cli.view import standing

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
    metadata, spec = vps["metadata"], vps.get("spec") or {}
    labels = [f"{key}={value}" for key, value in (metadata.get("labels") or {}).items()]
    found = [metadata["name"], metadata.get("namespace") or "", standing.phase(vps), standing.node_of(vps)]
    found += [str(spec.get("image") or ""), str(spec.get("environment") or ""), *labels]
    return [text.lower() for text in found]
