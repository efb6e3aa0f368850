"""What every answer under /ui/ says to browsers: what the page may load, and that nobody frames it. Pure.

CodeMirror and xterm put `<style>` elements into the page; they get the nonce of that one answer, which the
page reads in its own `<meta name="csp-nonce">`. No script runs but those that lie in the files.
"""

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "/ui"
NONCE: Final = b"__NONCE__"  # what stands in index.html for it
CAME_FROM: Final = b"__CAME_FROM__"  # and for who has led the browser here
_SITES: Final = (
    "none",
    "same-origin",
    "same-site",
    "cross-site",
)  # as browsers say it; "none" is the person himself

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "
    "style-src 'self'{nonce}; style-src-attr 'unsafe-inline'; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ALL: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY.format(nonce=""),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# What the API answers to a session is for the page to read: by itself it runs nothing.
OF_SESSIONS: Final[Mapping[str, str]] = {
    **ALL,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cache-Control": "no-store",
}


def policy(nonce: str) -> str:
    """What the page itself may do, with `<style>` elements that bear this nonce."""
    return _POLICY.format(nonce=f" 'nonce-{nonce}'")


def came_from(headers: Mapping[str, str]) -> str:
    """Who has led the browser to the page, in a word of the browser's; empty where it says none."""
    site = headers.get("Sec-Fetch-Site", "")
    return site if site in _SITES else ""


def is_ours(path: str) -> bool:
    """Whether a path is of the page."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")
