"""Whether a page of another site asks, in a browser that holds a client certificate of ours.

A browser shows its certificate to whatever asks for our address, and sends text of any page's choosing; so
does a WebSocket, which no rule of browsers keeps from other sites. A bearer token it sends for nobody. Pure.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from kohakuriver import errors

_OURS = ("same-origin", "none")  # the second is what a person typed


def check(headers: Mapping[str, str]) -> None:
    """Raise Forbidden for a request that the browser says, by either header, to be another site's doing."""
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site in _OURS or (site is None and (origin is None or _is_at(origin, headers.get("Host", "")))):
        return
    asks = (origin or "not named")[:100]
    raise errors.Forbidden(
        f"forbidden: a page of another site ({asks}) asks with this browser's client certificate",
        hint="use the certificate with kubectl or kohakuriver, or a token, which no browser sends by itself",
    )


def _is_at(origin: str, host: str) -> bool:
    """Programs name the server itself as the origin of their WebSockets."""
    try:
        return bool(host) and urlsplit(origin).netloc.removesuffix(":443") == host.removesuffix(":443")
    except ValueError:
        return False
