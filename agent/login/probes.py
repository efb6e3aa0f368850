"""The SSH probes under way, one a VPS at most, beside everything else. keeper.py starts and ends them.

access.py knows how to ask; what is heard goes into the VPS's memory, and its key into the queue.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable

from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import SSHView
from kohakuriver.agent.login.access import Access
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import Container
from kohakuriver.agent.runtime.errors import EngineError

log = logging.getLogger(__name__)


class Probes:
    """All probes of this node."""

    def __init__(self, access: Access, roster: Roster, *, heard: Callable[[Entry], None]) -> None:
        self._access = access
        self._roster = roster
        self._heard = heard
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Holds the probes' tasks, until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.Event().wait()

    def begin(self, entry: Entry, container: Container, run: str) -> None:
        """Ask for SSH in this run, unless that is under way."""
        uid = entry.desired.uid
        if self._tasks is None or uid in self._running:
            return

        def tell(view: SSHView) -> None:
            current = self._roster.entry(uid)
            if current is not None and current.memory.run == run:
                current.memory = dataclasses.replace(current.memory, ssh=view)
                self._heard(current)

        task = self._tasks.create_task(
            self._follow(entry.desired, container, run, tell), name=f"ssh {entry.key}"
        )
        self._running[uid] = task
        task.add_done_callback(lambda done: self._over(uid, done))

    def end(self, uid: str) -> None:
        """It does not run: what was not ready is asked again when it does."""
        task = self._running.pop(uid, None)
        if task is not None:
            task.cancel()
        entry = self._roster.entry(uid)
        ssh = entry.memory.ssh if entry is not None else None
        if entry is not None and ssh is not None and ssh.state == "waiting":
            entry.memory = dataclasses.replace(entry.memory, ssh=None)

    async def _follow(
        self, desired: Desired, container: Container, run: str, tell: Callable[[SSHView], None]
    ) -> None:
        try:
            await self._access.watch(desired, container, run, tell=tell)
        except EngineError as error:
            tell(SSHView(run, "waiting", error.message, overdue=True))
        except Exception as error:
            log.exception("the SSH probe failed", extra={"vps": desired.name})
            tell(SSHView(run, "waiting", f"it could not be probed: {error}", overdue=True))

    def _over(self, uid: str, task: "asyncio.Task[None]") -> None:
        if self._running.get(uid) is task:
            del self._running[uid]
