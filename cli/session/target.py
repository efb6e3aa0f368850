"""Which VPS is meant, and the streams to it: through the first API server that answers."""

import asyncio
import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from kohakuriver import errors
from kohakuriver.cli import failures
from kohakuriver.cli.framework.declared import Argument
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session.opening import ApiServers
from kohakuriver.resources import kinds
from kohakuriver.streams.stream import GONE_AFTER, PING_AFTER, Stream

if TYPE_CHECKING:
    from kohakuriver.cli.view.standing import Reader

Object = dict[str, Any]
Name = Annotated[str | None, Argument(metavar="NAME", help="The VPS's name, or its start.")]

_LEGAL = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


class Target:
    """One VPS; of one that is presumed only the word is known by which somebody asks for it."""

    def __init__(self, settings: Settings, vps: Object | None, *, word: str = "") -> None:
        self._settings = settings
        self._word = word
        self._vps = vps
        self._connection = settings.connection()
        self._servers = ApiServers(self._connection)

    @property
    def name(self) -> str:
        return str(self._vps["metadata"]["name"]) if self._vps is not None else self._word

    @property
    def vps(self) -> Object:
        """As it was when it was looked up. Raises NotFound and what else the server says."""
        return self.look_up()

    def look_up(self) -> Object:
        """Which VPS it is, unless that is known. Raises NotFound and what else the server says."""
        if self._vps is None:
            from kohakuriver.cli import lookup

            [self._vps] = lookup.find(self._settings.api(), [self._word])
        return self._vps

    @functools.cached_property
    def reader(self) -> "Reader":
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
        given = list(params)
        try:
            if self._vps is not None or _LEGAL.fullmatch(self._word):
                return await self._stream(kind, given, ping_after, gone_after)
        except errors.NotFound:
            if self._vps is not None:
                raise
        await asyncio.to_thread(self.look_up)  # the word may be the start of a name
        return await self._stream(kind, given, ping_after, gone_after)

    async def _stream(
        self, kind: str, params: list[tuple[str, str]], ping_after: float, gone_after: float
    ) -> Stream:
        path = kinds.VPS.path(**self._path, subresource=kind)
        return await self._servers.first(
            lambda dialer: dialer.stream(path, params, ping_after=ping_after, gone_after=gone_after)
        )

    @property
    def _path(self) -> dict[str, str]:
        metadata = self._vps["metadata"] if self._vps is not None else {}
        return {"namespace": str(metadata.get("namespace") or self._connection.namespace), "name": self.name}


def find(settings: Settings, word: str | None, *, command: str) -> Target:
    """The VPS that an ID means. Raises UsageError, NotFound and what else the server says."""
    found = presumed(settings, word, command=command)
    found.look_up()
    return found


def presumed(settings: Settings, word: str | None, *, command: str) -> Target:
    """The VPS that is called so, which is looked up when that is needed. Raises UsageError."""
    if not word:
        raise failures.UsageError(
            "which VPS is meant? its name is missing", hint=f"kohakuriver {command} NAME"
        )
    return Target(settings, None, word=word)
