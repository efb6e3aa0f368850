"""The commits that the engine is at: one at a time for a container, for as long as the engine takes.

Between recreate.py, which says what goes into which image, and the runtime. A large filesystem takes
hours, and the engine goes on with a commit that nobody waits for any more: a second one beside it would cost
the same room and time again. So each is one call, kept here until the engine has answered or gone away, while
the VPS's worker looks in from time to time and is free for what else is declared of it. Each is noted on the
disk before the engine is asked, and what an earlier agent had begun is known by the labels of its image.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from kohakuriver.agent.runtime.base import Image, Runtime
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)

LOOK_AGAIN = 2.0  # seconds between looks for an image that another agent's call brings


class Commit:
    """One of them."""

    def __init__(
        self,
        container: str,
        run: str | None,
        *,
        reference: str,
        marks: Mapping[str, str],
        is_mine: bool,
        since: float,
        patience: float,
    ) -> None:
        self.container = container
        self.run = run  # whose files are taken: those of the container after this run
        self.reference = reference
        self.marks = marks
        self.is_mine = is_mine  # if not, an earlier agent began it, and nobody is told how it ends
        self.since = since
        self.patience = patience  # seconds for which a VPS is kept down by it
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

    async def look(self, runtime: Runtime) -> None:
        """See whether another agent's has come to its end."""
        with contextlib.suppress(EngineError):
            if is_whole(await runtime.image(self.reference), self.marks):
                self._over.set()


def is_whole(image: Image | None, marks: Mapping[str, str]) -> bool:
    """The engine names an image once it has all of it, so the marks suffice."""
    return image is not None and all(image.labels.get(name) == value for name, value in marks.items())


class Commits:
    """Those of this node."""

    def __init__(self, runtime: Runtime, *, clock: Clock, patience: float) -> None:
        self.patience = patience  # seconds for which a VPS is kept down by one
        self._runtime = runtime
        self._clock = clock
        self._by_container: dict[str, Commit] = {}
        self._announced: dict[str, str | None] = {}
        self._begun: asyncio.Queue[Commit] = asyncio.Queue()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                commit = await self._begun.get()
                work = self._carry_out(commit) if commit.is_mine else self._watch(commit)
                tasks.create_task(work, name=f"commit {commit.reference}")

    def of(self, container: str) -> Commit | None:
        """The one of this container that was begun last, and whose outcome nobody has taken note of."""
        return self._by_container.get(container)

    def announce(self, container: str, run: str | None) -> None:
        """All is ready for one of what this run left; it is begun once a note says so."""
        self._announced[container] = run

    def is_announced(self, container: str, run: str | None) -> bool:
        return self.is_noted(container) and self._announced[container] == run

    def is_noted(self, container: str) -> bool:
        """Whether the note there is of one is of what this agent has not begun, perhaps of an earlier run."""
        return container in self._announced

    def begin(
        self,
        container: str,
        run: str | None,
        *,
        reference: str,
        marks: Mapping[str, str],
        is_mine: bool = True,
        patience: float | None = None,
    ) -> Commit:
        """Begin one, or watch one that an earlier agent began; no other of this container is under way."""
        commit = Commit(
            container,
            run,
            reference=reference,
            marks=marks,
            is_mine=is_mine,
            since=self._clock.monotonic(),
            patience=self.patience if patience is None else min(patience, self.patience),
        )
        self._announced.pop(container, None)
        self._by_container[container] = commit
        self._begun.put_nowait(commit)
        return commit

    def lasts_too_long(self, commit: Commit) -> bool:
        """Whether nobody should be kept waiting for it."""
        return self._clock.monotonic() - commit.since > commit.patience

    def forget(self, container: str) -> None:
        """Its outcome has been taken note of."""
        self._announced.pop(container, None)
        self._by_container.pop(container, None)

    def disown(self, repository: str) -> None:
        """The VPS goes: what the engine is still to put there is removed as soon as it is there."""
        mine = [one for one in self._by_container.values() if one.reference.startswith(f"{repository}:")]
        for commit in mine:
            commit.is_wanted = False
            if commit.is_over:
                self.forget(commit.container)

    async def _watch(self, commit: Commit) -> None:
        """Until its image is there, or somebody has stopped waiting for that."""
        while not commit.is_over and self.of(commit.container) is commit:
            await commit.look(self._runtime)
            if not commit.is_over:
                await asyncio.sleep(LOOK_AGAIN)
        if commit.is_over:
            await self._put_away(commit)

    async def _carry_out(self, commit: Commit) -> None:
        await commit.carry_out(self._runtime)
        await self._put_away(commit)

    async def _put_away(self, commit: Commit) -> None:
        if commit.is_wanted or self.of(commit.container) is not commit:
            return
        try:
            await self._runtime.remove_image(commit.reference)
        except EngineError as error:
            extra = {"image": commit.reference, "error": error.message}
            log.warning("an image that came too late was not removed", extra=extra)
        self.forget(commit.container)
