"""Ports of VPSes on this machine, for as long as the dashboard runs. The tunnels are those of `forward`."""

import dataclasses
from collections.abc import Callable
from typing import Any

from kohakuriver.cli.access import mapping
from kohakuriver.cli.access.forward import listen
from kohakuriver.cli.access.telling import Telling
from kohakuriver.cli.access.tunnel import Tunnel
from kohakuriver.cli.session.opening import Opener
from kohakuriver.client.config import Connection

Object = dict[str, Any]

_HOST = "127.0.0.1"


@dataclasses.dataclass(frozen=True, eq=False)
class Forward:
    """A port of a VPS that listens on this machine."""

    uid: str  # of the VPS
    title: str  # dev:8888
    url: str
    tunnel: Tunnel


class Forwards:
    """All of them. `say` hears what goes wrong later."""

    def __init__(self, connection: Connection, say: Callable[[str], None]) -> None:
        self.open: list[Forward] = []
        self._connection, self._say = connection, say

    async def begin(self, vps: Object, words: str) -> list[Forward]:
        """Each [LOCAL:]PORT that was typed. Raises UsageError and ConfigError; those before it stay."""
        metadata, begun = vps["metadata"], []
        there = self._connection._replace(namespace=metadata["namespace"])
        for wanted in mapping.parse(words.replace(",", " ").split()):
            title = f"{metadata['name']}:{wanted.remote}"
            telling = Telling(title, verbose=False, say=self._say)
            tunnel = Tunnel(Opener(there, metadata["name"]), wanted.remote, telling)
            port = await listen(tunnel, _HOST, wanted)
            url = mapping.address(_HOST, port, remote=wanted.remote, udp=False)
            begun.append(Forward(metadata["uid"], title, url, tunnel))
            self.open.append(begun[-1])
        return begun

    async def end(self, forward: Forward) -> None:
        if forward in self.open:
            self.open.remove(forward)
            await forward.tunnel.aclose()

    async def aclose(self) -> None:
        for forward in list(self.open):
            await self.end(forward)

    def of(self, vps: Object) -> list[Forward]:
        return [one for one in self.open if one.uid == vps["metadata"]["uid"]]
