"""The commits that the engine is at: one at a time for a container, for as long as the engine takes.

Between recreate.py, which says what goes into which image, and the runtime. A large filesystem takes
hours, and the engine goes on with a commit that nobody waits for any more: a second one beside it would cost
the same room and time again. So each is one call, kept here until the engine has answered or gone away, while
the VPS's worker looks in from time to time and is free for what else is declared of it.
"""

import asyncio
import logging
from collections.abc import Mapping

from agent.runtime.base import Runtime
from agent.runtime.errors import EngineError
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)


class Commit:
    """One of them."""

    def __init__(
        self, container: str, run: str | None, *, reference: str, marks: Mapping[str, str], since: float
    ) -> None:
        self.container = container
        self.run = run  # whose files are taken: those of the container after this run
        self.reference = reference
        self.marks = marks
        self.since = since
        self.is_wanted = True  # if not, its image is removed as soon as it is there
        self._over = asyncio.Event()
        self._error: EngineError | None = None

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    async def ended(self, *, within: float) -> bool:
        """Whether the engine has done it, waited for a little. Raises what it said instead."""
        try:
            async with asyncio.timeout(within):
                await self._over.wait()
        except TimeoutError:
            return False
        if self._error is not None:
            raise self._error
        return True

    async def carry_out(self, runtime: Runtime) -> None:
        try:
            await runtime.commit(self.container, self.reference, self.marks)
        except EngineError as error:
            self._error = error
        self._over.set()


class Commits:
    """Those of this node."""

    def __init__(self, runtime: Runtime, *, clock: Clock, patience: float) -> None:
        self.patience = patience  # seconds for which a VPS is kept down by one
        self._runtime = runtime
        self._clock = clock
        self._by_container: dict[str, Commit] = {}
        self._begun: asyncio.Queue[Commit] = asyncio.Queue()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                commit = await self._begun.get()
                tasks.create_task(self._carry_out(commit), name=f"commit {commit.reference}")

    def of(self, container: str) -> Commit | None:
        """The one of this container that was begun last, and whose outcome nobody has taken note of."""
        return self._by_container.get(container)

    def begin(self, container: str, run: str | None, reference: str, marks: Mapping[str, str]) -> Commit:
        """Begin one; none of this container is under way."""
        now = self._clock.monotonic()
        commit = Commit(container, run, reference=reference, marks=marks, since=now)
        self._by_container[container] = commit
        self._begun.put_nowait(commit)
        return commit

    def lasts_too_long(self, commit: Commit) -> bool:
        """Whether nobody should be kept waiting for it."""
        return self._clock.monotonic() - commit.since > self.patience

    def forget(self, container: str) -> None:
        """Its outcome has been taken note of."""
        self._by_container.pop(container, None)

    def disown(self, repository: str) -> None:
        """The VPS goes: what the engine is still to put there is removed as soon as it is there."""
        mine = [one for one in self._by_container.values() if one.reference.startswith(f"{repository}:")]
        for commit in mine:
            commit.is_wanted = False
            if commit.is_over:
                self.forget(commit.container)

    async def _carry_out(self, commit: Commit) -> None:
        await commit.carry_out(self._runtime)
        if commit.is_wanted:
            return
        try:
            await self._runtime.remove_image(commit.reference)
        except EngineError as error:
            extra = {"image": commit.reference, "error": error.message}
            log.warning("an image that came too late was not removed", extra=extra)
        self.forget(commit.container)
