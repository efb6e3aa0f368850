"""Has VPSes see their own limits in /proc, with the node's lxcfs, for as long as that answers.

Looks every two seconds, and at once where a container has begun. Containers that run already are shown theirs
too, and none is made or started anew for it. A restarted lxcfs is another one: what is left of the one before
is taken off, whether the agent may show anything or not. Privileged VPSes see the machine, which is
theirs. Nothing waits for this, and nothing fails with it.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, TypeVar

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.shown import UPTIME, change
from kohakuriver.agent.machine.lxcfs import Lxcfs, LxcfsFailed, View
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container

log = logging.getLogger(__name__)

EVERY: Final = 2.0  # seconds between looks
TRIES: Final = 5  # for a container that cannot be entered
T = TypeVar("T")


class Shown:
    """What the containers of this node see."""

    def __init__(
        self, lxcfs: Lxcfs, roster: Roster, *, offered: bool, threads: Executor | None = None
    ) -> None:
        self._lxcfs = lxcfs
        self._roster = roster
        self._offered = offered
        self._threads = threads
        self._now = asyncio.Event()
        self._serves = ""
        self._done: dict[tuple[str, str], str] = {}  # the runs of containers, and with which lxcfs
        self._failed: dict[tuple[str, str], int] = {}  # how often, by run
        roster.began.append(self._now.set)

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self.step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._now.wait()
            self._now.clear()

    async def step(self) -> None:
        """Look once."""
        self._note(await self._ask(self._lxcfs.serves) if self._offered else "")
        running = {
            _run(one): one
            for one in self._roster.containers()
            if one.is_up and one.pid and not labels.is_privileged(one)
        }
        self._done = {run: serves for run, serves in self._done.items() if run in running}
        self._failed = {run: times for run, times in self._failed.items() if run in running}
        due = [one for run, one in running.items() if self._done.get(run) != self._serves]
        views = await self._ask(functools.partial(self._lxcfs.views, due)) if due else {}
        for container in due:
            if container.id in views:
                await self._show(container, views[container.id])

    async def _show(self, container: Container, view: View) -> None:
        """Once with each lxcfs: somebody inside may take it off again. What fails is tried a few times;
        what is left of another lxcfs is taken off until that succeeds."""
        run, serves = _run(container), self._serves
        wanted = change(view.files, serves, besides=(UPTIME,) if view.needs_uptime else ())
        try:
            if wanted:
                await self._ask(functools.partial(self._lxcfs.apply, container, wanted, serves))
        except LxcfsFailed as failure:
            times = self._failed[run] = self._failed.get(run, 0) + 1
            if times == 1:
                said = {"container": container.name, "error": str(failure)}
                log.warning("a VPS does not see its own limits", extra=said)
            if wanted.off or times < TRIES:
                return
        self._done[run] = serves

    def _note(self, serves: str) -> None:
        if bool(serves) != bool(self._serves):
            said = "VPSes see their own limits" if serves else "lxcfs does not answer: VPSes see the machine"
            log.info(said, extra={"lxcfs": serves})
        self._serves = serves

    async def _ask(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _run(container: Container) -> tuple[str, str]:
    return container.id, container.started_at or ""
