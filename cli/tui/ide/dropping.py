"""Paths that somebody pasted or dropped onto the window, as terminals write them. Pure but for looking
whether they exist."""

import shlex
import urllib.parse
from pathlib import Path


def paths(text: str) -> list[Path]:
    """Files and folders of this machine that the text names; none unless all of it does."""
    text = text.strip()
    if not text or len(text) > 65536:
        return []
    for words in (_lines(text), _words(text)):
        found = [Path(_plain(word)).expanduser() for word in words]
        if found and all(one.is_absolute() and one.exists() for one in found):
            return found
    return []


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _plain(word: str) -> str:
    if word.startswith("file://"):
        return urllib.parse.unquote(urllib.parse.urlsplit(word).path)
    return word
