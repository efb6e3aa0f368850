"""Switches with a value, as kubectl takes them: `--wait=false`, `--all=true`. Pure."""

from collections.abc import Sequence
from typing import Any


def spelled_out(words: Sequence[str], parameters: Sequence[Any]) -> list[str]:
    """The switches without values: `--wait=false` as `--no-wait`, `--all=false` as nothing."""
    switches = {name: one for one in parameters if getattr(one, "is_flag", False) for name in one.opts}
    end = words.index("--") if "--" in words else len(words)
    found: list[str] = []
    for word in words[:end]:
        name, equals, value = word.partition("=")
        switch = switches.get(name) if equals and value.lower() in ("true", "false") else None
        if switch is None:
            found.append(word)
        elif value.lower() == "true":
            found.append(name)
        else:
            found += switch.secondary_opts[:1]
    return [*found, *words[end:]]
