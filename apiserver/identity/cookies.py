"""The cookie that a browser's session lies in: opaque, for this server's own pages alone, never for scripts.

`__Host-` makes browsers hold on to what is said of it: only over TLS (or from this machine itself), for the
whole host and no other, and set by nobody else on a name beside it. Pure.
"""

import re
from collections.abc import Mapping
from typing import Final

NAME: Final = "__Host-kohakuriver"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # 256 bits


def session_in(headers: Mapping[str, str]) -> str:
    """The secret of the session that a request shows; empty where it shows none, or two."""
    found = [
        value
        for name, _, value in (part.strip().partition("=") for part in headers.get("Cookie", "").split(";"))
        if name == NAME
    ]
    return found[0] if len(found) == 1 and _SECRET.fullmatch(found[0]) else ""


def counts_in(headers: Mapping[str, str]) -> str:
    """As `session_in`, where it says who is calling: whoever sends another credential means that one."""
    return "" if "Authorization" in headers else session_in(headers)


def header(secret: str, *, seconds: int) -> str:
    """What has a browser keep it for so long; 0 for no longer."""
    return f"{NAME}={secret}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Strict"
