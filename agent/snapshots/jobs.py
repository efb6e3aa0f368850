"""Blocking work on the files of VPSes that may take long: one piece at a time for a VPS, a few on the node.

Its VPS's worker looks in from time to time and is free meanwhile for what else is declared of it. Namespaces
share the places.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.shares import Shares
from kohakuriver.agent.snapshots import archives
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)

MOST: Final = 4  # at a time on a node, of which one namespace has 2 at most


class Job:
    """One piece of work."""

    def __init__(self, kind: str, namespace: str, work: "Callable[[Job], None]", *, since: float) -> None:
        self.kind = kind
        self.namespace = namespace
        self.since = since
        self.handle = archives.Handle()
        self.said = ""  # how far it is, in words
        self.complaints: list[str] = []  # what could not be kept
        self._work = work
        self._is_working = False
        self._over = asyncio.Event()
        self._error: errors.KohakuRiverError | OSError | None = None

    async def ended(self, *, within: float) -> bool:
        """Whether it is done, waited for a little. Raises what was in its way: ArchiveError, OSError."""
        try:
            async with asyncio.timeout(within):
                await self._over.wait()
        except TimeoutError:
            return False
        if self._error is not None:
            raise self._error
        return True

    async def end(self) -> None:
        """End it, and wait until it touches nothing any more."""
        self.handle.end()
        if self._is_working:
            await self._over.wait()

    async def carry_out(self, shares: Shares, threads: Executor | None) -> None:
        try:
            async with shares.place(self.namespace):
                if not self.handle.is_ended:
                    self._is_working = True
                    await asyncio.get_running_loop().run_in_executor(threads, self._work, self)
        except (errors.KohakuRiverError, OSError) as error:
            self._error = error
        except ValueError as error:  # a name that no server gives
            self._error = archives.ArchiveError(str(error))
        finally:
            self._over.set()


class Jobs:
    """Those of one node, by the uids of VPSes."""

    def __init__(self, *, clock: Clock, threads: Executor | None = None) -> None:
        self._clock = clock
        self._threads = threads
        self._shares = Shares(MOST)
        self._by_uid: dict[str, Job] = {}
        self._begun: asyncio.Queue[Job] = asyncio.Queue()
        self._running: set[Job] = set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    job = await self._begun.get()
                    tasks.create_task(self._carry_out(job), name=job.kind)
        finally:
            for job in self._running:  # their threads end soon after the agent
                job.handle.end()

    def of(self, uid: str, kind: str) -> Job | None:
        """The one of this VPS and kind whose outcome nobody has taken note of."""
        job = self._by_uid.get(uid)
        return job if job is not None and job.kind == kind else None

    def begin(self, uid: str, kind: str, namespace: str, work: Callable[[Job], None]) -> Job:
        """Begin one; no other of this VPS is under way."""
        job = Job(kind, namespace, work, since=self._clock.monotonic())
        self._by_uid[uid] = job
        self._begun.put_nowait(job)
        return job

    def lasts(self, job: Job) -> float:
        """For how many seconds it has been under way."""
        return self._clock.monotonic() - job.since

    def forget(self, uid: str) -> None:
        """Its outcome has been taken note of, or is no matter."""
        job = self._by_uid.pop(uid, None)
        if job is not None:
            job.handle.end()

    async def end(self, uid: str) -> None:
        """Have nothing under way for this VPS."""
        job = self._by_uid.pop(uid, None)
        if job is not None:
            with contextlib.suppress(errors.KohakuRiverError, OSError):
                await job.end()

    async def _carry_out(self, job: Job) -> None:
        self._running.add(job)
        try:
            await job.carry_out(self._shares, self._threads)
        finally:
            self._running.discard(job)
