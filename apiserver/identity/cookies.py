"""What a browser's session is known by: a cookie that no script reads, and a key that its page alone has.

`__Host-` makes browsers hold on to what is said of the cookie: only over TLS (or from this machine itself),
for the whole host and no other, and set by nobody else on a name beside it. But a cookie knows no ports: what
is served at another port of the same host, such as what `kohakuriver forward` brings there, is sent it too,
and may set one of its own. So it is half of the secret. The other half the page keeps in its origin's
storage, which ports do part, and sends in a header, or among the protocols of a WebSocket. Pure.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Final

NAME: Final = "__Host-kohakuriver"
KEY: Final = "KohakuRiver-Page-Key"
PROTOCOL: Final = "page.kohakuriver.io"
"""What the page speaks over a WebSocket; the key is named after it, as a protocol of its own."""
_KEY_PROTOCOL: Final = "key.page.kohakuriver.io."
_HALF: Final = 43  # characters, of 256 bits
_SECRET: Final = re.compile(rf"[A-Za-z0-9_-]{{{_HALF}}}", re.ASCII)


def new_secret() -> str:
    """One that nobody has, of both halves."""
    return secrets.token_urlsafe(32) + secrets.token_urlsafe(32)


def session_in(headers: Mapping[str, str]) -> str:
    """The secret of the session that a request shows; empty where it shows none, or half of one, or two."""
    found = [
        value
        for name, _, value in (part.strip().partition("=") for part in headers.get("Cookie", "").split(";"))
        if name == NAME
    ]
    halves = [*found, _key_in(headers)]
    return "".join(halves) if len(halves) == 2 and all(map(_SECRET.fullmatch, halves)) else ""


def counts_in(headers: Mapping[str, str]) -> str:
    """As `session_in`, where it says who is calling: whoever sends another credential means that one."""
    return "" if "Authorization" in headers else session_in(headers)


def shown(secret: str) -> dict[str, str]:
    """The headers of a request that shows this session."""
    return {"Cookie": f"{NAME}={secret[:_HALF]}", KEY: key_of(secret)}


def key_of(secret: str) -> str:
    """The half that is the page's."""
    return secret[_HALF:]


def header(secret: str, *, seconds: int) -> str:
    """What has a browser keep its half for so long; 0 for no longer."""
    return f"{NAME}={secret[:_HALF]}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Strict"


def speaks_as_a_page(headers: Mapping[str, str]) -> bool:
    """Whether a WebSocket is opened by the page, which has to hear its protocol in the answer."""
    return PROTOCOL in _protocols(headers)


def _key_in(headers: Mapping[str, str]) -> str:
    if KEY in headers:
        return headers[KEY]
    named = [one for one in _protocols(headers) if one.startswith(_KEY_PROTOCOL)]
    return named[0].removeprefix(_KEY_PROTOCOL) if len(named) == 1 else ""


def _protocols(headers: Mapping[str, str]) -> list[str]:
    return [one.strip() for one in headers.get("Sec-WebSocket-Protocol", "").split(",")]
