"""URLs of the API: their parts, and what people type made safe for them.

Where all is plain, as it nearly always is, nothing is asked of `urllib.parse`, whose import takes as long as
the request. What it would say of the same text is what is said here: a test compares them.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_SAFE = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII)  # what no URL escapes
_PLAIN = re.compile(r"(https?)://([a-z0-9.-]+)(?::([0-9]{1,5}))?(/[A-Za-z0-9_.~/-]*)?", re.ASCII)


class Url(NamedTuple):
    """Where a server is; `path` stands before every path of the API."""

    is_https: bool
    host: str
    port: int
    path: str


def split(text: str) -> Url:
    """The parts of a server's URL. Raises ValueError for a port that there is not."""
    plain = _PLAIN.fullmatch(text)
    if plain is not None and int(plain[3] or 0) < 1 << 16:
        scheme, host, port, path = plain.groups()
    else:
        import urllib.parse

        found = urllib.parse.urlsplit(text)
        scheme, host, port, path = found.scheme, found.hostname, found.port, found.path
    is_https = scheme == "https"
    return Url(is_https, host or "", int(port or 0) or (443 if is_https else 80), (path or "").rstrip("/"))


def quote(text: str) -> str:
    """A name as it stands in a path."""
    if _SAFE.fullmatch(text):
        return text
    import urllib.parse

    return urllib.parse.quote(text, safe="")


def query(params: Mapping[str, str]) -> str:
    """Parameters behind a path, with their question mark; nothing where there are none."""
    if not params:
        return ""
    if all(_SAFE.fullmatch(text) for pair in params.items() for text in pair):
        return "?" + "&".join(f"{name}={value}" for name, value in params.items())
    import urllib.parse

    return "?" + urllib.parse.urlencode(params)
