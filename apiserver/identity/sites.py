"""Whether a page of another site asks, in a browser that shows a credential of ours to whatever asks.

A browser sends a client certificate, and in part a session's cookie, to our address for any page, with text
of that page's choosing; so does a WebSocket, which no rule of browsers keeps from other sites. Another port
of the same machine is the same site to a cookie, and is another one here. A bearer token it sends for nobody.
Browsers say by `Sec-Fetch-Site` who asks, and where they do not by `Origin`; no page can change either. Pure.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from kohakuriver import errors

_OURS: Final = ("same-origin", "none")  # the second is what a person typed
_PORTS: Final = {"https": 443, "http": 80}


def check(headers: Mapping[str, str]) -> None:
    """Raise Forbidden for a request that the browser says, by either header, to be another site's doing."""
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site in _OURS or (site is None and (origin is None or _is_at(origin, headers.get("Host", "")))):
        return
    raise errors.Forbidden(
        f"forbidden: a page of another site ({_named(origin)}) asks with this browser's client certificate",
        hint="use the certificate with kubectl or kohakuriver, or a token, which no browser sends by itself",
    )


def check_session(headers: Mapping[str, str], *, writes: bool, scheme: str) -> None:
    """Raise Forbidden unless a page of this server asks; for what `writes`, streams too, that has to be said.

    `scheme` is that of the connection. What is only read may also be asked for by the person himself.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None:
        ours = site == "same-origin" or (site in _OURS and not writes)
    elif origin is not None:
        ours = is_own(origin, headers.get("Host", ""), scheme)
    else:
        ours = not writes
    if ours:
        return
    who = (
        "it does not say which page"
        if site is origin is None
        else f"a page of another site: {_named(origin)}"
    )
    raise errors.Forbidden(
        f"forbidden: a browser's session may be used by the pages of this server alone ({who})",
        hint="open the web page of this server, or use a token, which no browser sends by itself",
    )


def is_own(origin: str, host: str, scheme: str) -> bool:
    """Whether a page's origin is this server, by the name that it was asked under.

    Where TLS ends before this server (`--insecure-http` listens on loopback alone), its pages are https ones.
    """
    try:
        page, own = urlsplit(origin), urlsplit(f"//{host}")
        if page.scheme not in ("https", scheme) or page.hostname is None or page.path or page.query:
            return False
        default = _PORTS.get(page.scheme)
        return (page.hostname, page.port or default) == (own.hostname, own.port or default)
    except ValueError:
        return False


def _named(origin: str | None) -> str:
    return (origin or "not named")[:100]


def _is_at(origin: str, host: str) -> bool:
    """Programs name the server itself as the origin of their WebSockets."""
    try:
        return bool(host) and urlsplit(origin).netloc.removesuffix(":443") == host.removesuffix(":443")
    except ValueError:
        return False
