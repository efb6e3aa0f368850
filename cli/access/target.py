"""Which VPS is meant, and the streams to it: through the first API server that answers."""

import functools
from collections.abc import Iterable

from kohakuriver.cli import failures
from kohakuriver.cli.access.opening import ApiServers
from kohakuriver.cli.http import Object
from kohakuriver.cli.settings import Settings
from kohakuriver.cli.vps import lookup
from kohakuriver.cli.vps.standing import Reader
from kohakuriver.resources import kinds
from kohakuriver.streams.stream import GONE_AFTER, PING_AFTER, Stream


class Target:
    """One VPS."""

    def __init__(self, settings: Settings, vps: Object) -> None:
        self._settings = settings
        metadata = vps["metadata"]
        self.name = str(metadata["name"])
        self.vps = vps
        self._path = {"namespace": str(metadata["namespace"]), "name": self.name}
        self._servers = ApiServers(settings.connection())

    @functools.cached_property
    def reader(self) -> Reader:
        """Who asked for it. Raises ConfigError."""
        return self._settings.reader()

    def command(self, words: str) -> str:
        """`kohakuriver connect dev -n lab`, as they have to type it."""
        return self.reader.command(words, self.vps)

    def look(self) -> Object:
        """The VPS as it is now. Raises NotFound and what else the server says."""
        api = self._settings.api()
        return api.call("GET", api.path(kinds.VPS, **self._path))

    async def stream(
        self,
        kind: str,
        params: Iterable[tuple[str, str]] = (),
        *,
        ping_after: float = PING_AFTER,
        gone_after: float = GONE_AFTER,
    ) -> Stream:
        """A stream to it. Raises ApiError, and Unreachable where no server answers."""
        path = kinds.VPS.path(**self._path, subresource=kind)
        given = list(params)
        return await self._servers.first(
            lambda dialer: dialer.stream(path, given, ping_after=ping_after, gone_after=gone_after)
        )


def find(settings: Settings, word: str | None, *, command: str) -> Target:
    """The VPS that an ID means. Raises UsageError, NotFound and what else the server says."""
    if not word:
        raise failures.UsageError(
            "which VPS is meant? its name is missing", hint=f"kohakuriver {command} NAME"
        )
    [vps] = lookup.find(settings.api(), [word])
    return Target(settings, vps)
