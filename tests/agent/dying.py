"""The runtime of an agent that is killed at one of its calls."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from tests.agent.agent_kit import CLUSTER
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime

T = TypeVar("T")


class DyingRuntime(FakeRuntime):
    """The calls of an agent that is killed at one of them: before the engine acts, or before it hears."""

    def __init__(self, engine: FakeEngine, *, at: int, acts: bool) -> None:
        super().__init__(engine, cluster=CLUSTER)
        self.died = asyncio.Event()
        self.is_armed = False
        self._left = at
        self._acts = acts

    async def _call(self, name: str, work: Callable[[], T], **options: Any) -> T:
        if not self.is_armed or name == "list":
            return await super()._call(name, work, **options)
        self._left -= 1
        if self._left >= 0:
            return await super()._call(name, work, **options)
        if self._acts and self._left == -1:
            await super()._call(name, work, **options)
        self.died.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def stop(self, container_id: str, grace: float) -> None:
        await self._call("stop", lambda: self.engine.end(container_id, exit_code=0))
