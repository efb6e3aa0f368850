"""Which VPS is meant, and the streams to it: through the first API server that answers."""

import dataclasses
from collections.abc import Iterable

from cli import failures
from cli.http import Object
from cli.settings import Settings
from cli.vps import lookup
from kohakuriver import errors
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from kohakuriver.streams.stream import GONE_AFTER, PING_AFTER, Stream

PROGRAM = "kohakuriver"


class Target:
    """One VPS."""

    def __init__(self, settings: Settings, vps: Object) -> None:
        connection = settings.connection()
        self._settings = settings
        metadata = vps["metadata"]
        self.name = str(metadata["name"])
        self.vps = vps
        self._path = {"namespace": str(metadata["namespace"]), "name": self.name}
        self._dialers = [
            Dialer(dataclasses.replace(connection, server=url), program=PROGRAM)
            for url in (connection.server, *connection.others)
        ]

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
        failure: errors.Unreachable | None = None
        for index, dialer in enumerate(list(self._dialers)):
            try:
                stream = await dialer.stream(path, params, ping_after=ping_after, gone_after=gone_after)
            except errors.Unreachable as error:
                failure = failure or error
                continue
            self._dialers.insert(0, self._dialers.pop(index))  # who answered is asked first next time
            return stream
        raise failure or errors.Unreachable("no API server is known")


def find(settings: Settings, word: str | None, *, command: str) -> Target:
    """The VPS that an ID means. Raises UsageError, NotFound and what else the server says."""
    if not word:
        raise failures.UsageError(
            "which VPS is meant? its name is missing", hint=f"kohakuriver {command} NAME"
        )
    [vps] = lookup.find(settings.api(), [word])
    return Target(settings, vps)
