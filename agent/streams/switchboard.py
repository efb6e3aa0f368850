"""Control connections to all API servers of the cluster, so that whichever a person asks finds this node.

    servers there are ──► one `Controls` each ──► doors

What one door serves does not care through which server it came. Decides nothing about streams.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from kohakuriver.agent.shares import Shares
from kohakuriver.agent.streams.control import AT_ONCE, Controls, Find, Lend
from kohakuriver.agent.streams.door import Door
from kohakuriver.streams.dial import Dialer

Dial = Callable[[str], Dialer]
"""A dialer for the server at a URL, as this node."""


class Switchboard:
    """Follows the list of servers."""

    def __init__(
        self,
        servers: Callable[[], Sequence[str]],
        *,
        dial: Dial,
        node: str,
        doors: Mapping[str, Door],
        find: Find,
        lend: Lend,
    ) -> None:
        self._servers = servers
        self._dial = dial
        self._node = node
        self._doors = doors
        self._find = find
        self._lend = lend
        self._shares = Shares(AT_ONCE)
        self._controls: dict[str, Controls] = {}
        self._wake = asyncio.Event()

    @property
    def open_streams(self) -> int:
        return sum(controls.open_streams for controls in self._controls.values())

    def look(self) -> None:
        """The list of servers may have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; then everything that is open is closed."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                wanted = self._servers()
                for url in [url for url in running if url not in wanted]:
                    running.pop(url).cancel()
                    del self._controls[url]
                for url in wanted:
                    if url not in running:
                        self._controls[url] = self._made(url)
                        running[url] = tasks.create_task(self._controls[url].run(), name=f"streams {url}")
                await self._wake.wait()

    def _made(self, url: str) -> Controls:
        return Controls(
            self._dial(url),
            node=self._node,
            doors=self._doors,
            find=self._find,
            lend=self._lend,
            shares=self._shares,
        )
