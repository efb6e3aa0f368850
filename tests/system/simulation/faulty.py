"""What befalls the calls of one machine's engine: slow answers, late ones, containers that answer nothing.

It is put around any `Runtime`, and outlasts the agents that call it. An engine goes on with a call that
nobody waits for any more, and takes turns per container: what is asked of one that is being started waits.
"""

import asyncio
import collections
import contextlib
import contextvars
import functools
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.errors import EngineError, RuntimeTimeout, RuntimeUnavailable
from tests.system.simulation.rules import NAME, WatchedEngine

LOOKS = ("info", "list", "inspect", "image", "images", "volumes", "has_file", "read_file", "written")
TURNS = ("create", "start", "pause", "unpause", "remove", "update", "rename", "put_files")
CALLS = (
    *LOOKS,
    *TURNS,
    "stop",
    "kill",
    "commit",
    "end_leftovers",
    "remove_image",
    "make_volume",
    "ensure_network",
)
PATIENCE = 30.0  # seconds after which a caller gives up
LOOK_WITHIN = 5.0  # or, where it only looks

Call = Callable[..., Awaitable[Any]]


class Faults:
    """Of one machine. Keys of the maps are names of `Runtime` methods."""

    def __init__(self, engine: WatchedEngine) -> None:
        self.slow: dict[str, float] = {}  # seconds an answer takes at most
        self.late: dict[
            str, tuple[float, float]
        ] = {}  # once: given up after so long, done so long after that
        self.commits_last = 0.0  # seconds each commit goes on after its caller has given up
        self.stuck: set[str] = set()  # names of VPSes whose containers answer nothing
        self._engine = engine
        self._chance = random.Random(engine.node)  # noqa: S311
        self._turns: dict[str, asyncio.Lock] = collections.defaultdict(asyncio.Lock)
        self._committing: set[str] = set()
        self._going_on: set[asyncio.Task[Any]] = set()

    def around(self, runtime: Runtime) -> Runtime:
        """That runtime, with all of this in between."""
        return cast(Runtime, _Faulty(runtime, self))

    def clear(self) -> None:
        self.slow.clear()
        self.late.clear()
        self.stuck.clear()
        self.commits_last = 0.0

    def end(self) -> None:
        """The engine ends, and with it what it was at."""
        for task in list(self._going_on):
            task.cancel()

    async def through(self, name: str, method: Call, *args: Any, **options: Any) -> Any:
        about = str(getattr(args[0], "name", args[0])) if args else ""
        if about and self._is_stuck(about):
            await asyncio.sleep(LOOK_WITHIN if name in LOOKS else PATIENCE)
            raise RuntimeTimeout("the container engine did not answer in time")
        work = functools.partial(method, *args, **options)
        if name in LOOKS:
            await self._pause(name)
            return await work()
        waits, late = self.late.pop(name, (PATIENCE, 0.0))
        if name == "commit" and self.commits_last:
            waits, late = None, self.commits_last  # its answer is waited for as long as the engine lives
        after = late + (waits or 0.0) if late else 0.0
        going_on = self._act(name, about, work, after)
        task = asyncio.create_task(going_on, name=f"engine {name}", context=contextvars.Context())
        self._going_on.add(task)
        task.add_done_callback(self._over)
        done, _ = await asyncio.wait({task}, timeout=None if name == "stop" and not late else waits)
        if not done:
            raise RuntimeTimeout("the container engine did not answer in time")
        if task.cancelled():
            raise RuntimeUnavailable("the container engine ended")
        return task.result()

    async def _act(self, name: str, about: str, work: Callable[[], Awaitable[Any]], after: float) -> Any:
        if name == "commit":
            return await self._commit(about, work, after)
        if name in ("stop", "kill"):  # they wait for a start to end, and hold up nothing themselves
            async with self._turns[about]:
                pass
        async with self._turns[about] if name in TURNS else contextlib.nullcontext():
            await self._pause(name)
            await asyncio.sleep(after)
            answer = await work()
            await self._pause(name)
            return answer

    async def _commit(self, about: str, work: Callable[[], Awaitable[Any]], after: float) -> None:
        self._engine.rules.demand(
            about not in self._committing, "a second commit of a container beside the first", about[-4:]
        )
        self._committing.add(about)
        try:
            await self._pause("commit")
            await asyncio.sleep(after)
            await work()
        finally:
            self._committing.discard(about)

    async def _pause(self, name: str) -> None:
        if most := self.slow.get(name, 0.0):
            await asyncio.sleep(self._chance.uniform(0, most / 2))

    def _is_stuck(self, about: str) -> bool:
        return bool(self.stuck) and any(
            record.seen.labels.get(NAME) in self.stuck
            for record in self._engine.records()
            if about in {record.seen.id, record.seen.name}
        )

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._going_on.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, EngineError):
            self._engine.rules.demand(False, "the engine failed", repr(error))


class _Faulty:
    """A `Runtime` whose calls pass through the faults."""

    def __init__(self, runtime: Runtime, faults: Faults) -> None:
        self._runtime = runtime
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._runtime, name)
        return functools.partial(self._faults.through, name, method) if name in CALLS else method
