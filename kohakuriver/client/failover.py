"""Which of a cluster's API servers a client talks to: those of its config file, and those that registered.

Several clients share one `Servers`; each of them stays with one server until that fails, then goes to the
next. All servers serve one store, so a watch resumes at the next one where it was cut. Knows no HTTP.
"""

import ipaddress
import urllib.parse
from collections.abc import Iterable

from kohakuriver import errors

# What says that another server may do better. A full store or one without a leader looks the same from all of
# them; then trying the next costs nothing either.
FAILURES: tuple[type[errors.KohakuRiverError], ...] = (
    errors.Unreachable,
    errors.Unavailable,
    errors.OutcomeUnknown,
    errors.InternalError,
)


class Servers:
    """The URLs of one cluster's servers."""

    def __init__(self, configured: Iterable[str]) -> None:
        self._configured = tuple(dict.fromkeys(url.rstrip("/") for url in configured))
        self._registered: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Those of the config file first."""
        return tuple(dict.fromkeys((*self._configured, *self._registered)))

    @property
    def first(self) -> str:
        return self._configured[0]

    def after(self, url: str) -> str:
        """The one to try when this one has failed."""
        everyone = self.all
        at = everyone.index(url) + 1 if url in everyone else 0
        return everyone[at % len(everyone)]

    def learn(self, urls: Iterable[str]) -> bool:
        """These have registered, and no others; whether that is news.

        A credential goes to none that is reached less safely than the configured ones, and a loopback address
        is another server's only for who is on its machine.
        """
        before, self._registered = self._registered, tuple(url for url in urls if self._is_fit(url))
        return before != self._registered

    def _is_fit(self, url: str) -> bool:
        first = urllib.parse.urlsplit(self.first)
        try:
            found = urllib.parse.urlsplit(url)
            port_is_one = found.port is None or found.port > 0
        except ValueError:
            return False
        if found.scheme != first.scheme or not found.hostname or not port_is_one:
            return False
        return not _is_loopback(found.hostname) or _is_loopback(first.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
