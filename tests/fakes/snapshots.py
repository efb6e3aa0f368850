"""In memory: what thaws containers when their agent dies, commands in containers, and what images lose."""

import asyncio
import contextlib
from collections.abc import Sequence

from kohakuriver.agent.runtime.errors import EngineError, EngineRefused
from kohakuriver.agent.snapshots.guard import Watcher
from kohakuriver.agent.snapshots.hooks import Outcome
from kohakuriver.agent.snapshots.losses import Lost
from tests.fakes.engine import FakeEngine


class FakeGuard:
    """Containers that somebody waits to thaw."""

    def __init__(self, engine: FakeEngine) -> None:
        self.waiting: list[str] = []
        self.trouble = ""  # why it cannot begin
        self._engine = engine

    async def begin(self, container_id: str) -> Watcher:
        if self.trouble:
            raise EngineRefused(self.trouble)
        self.waiting.append(container_id)
        return _FakeWatcher(self, container_id)

    def agent_died(self) -> None:
        """Nobody holds the other end any more."""
        for container_id in list(self.waiting):
            self.thaw(container_id)

    def thaw(self, container_id: str) -> None:
        self.waiting.remove(container_id)
        with contextlib.suppress(EngineError):
            self._engine.unpause(container_id)


class _FakeWatcher:
    def __init__(self, guard: FakeGuard, container_id: str) -> None:
        self._guard = guard
        self._id = container_id

    async def dismiss(self, *, thawed: bool) -> None:
        if thawed:
            self._guard.waiting.remove(self._id)
        else:
            self._guard.thaw(self._id)


class FakeHooks:
    """How commands end, by their first word; one that is not known ends well."""

    def __init__(self, engine: FakeEngine) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.takes: dict[str, float] = {}  # seconds
        self.ran: list[tuple[str, str]] = []  # the first word, and the state of its container then
        self._engine = engine

    async def run(
        self, container_id: str, command: Sequence[str], *, snapshot: str, within: float
    ) -> Outcome:
        self.ran.append((command[0], self._engine.find(container_id).seen.state.value))
        seconds = self.takes.get(command[0], 0.0)
        await asyncio.sleep(min(seconds, within))
        if seconds > within:
            return Outcome(None, f"it did not end in {within:g}s")
        return self.outcomes.get(command[0], Outcome(0))


class FakeLosses:
    """What is lost of every container."""

    def __init__(self) -> None:
        self.lost = Lost()

    async def find(self, folder: str, *, driver: str) -> Lost:
        return self.lost
