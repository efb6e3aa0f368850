"""The commits for snapshots that the engine is at: it goes on with one that nobody waits for any more.

What comes of such a one is removed as soon as it is there, and no second one of that container is begun
beside it. What an earlier agent had begun is known by a note beside the archives (see `Note`).
"""

import asyncio
import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.errors import EngineError

log = logging.getLogger(__name__)

UNSURE: Final = 60.0  # seconds, and one for each so many bytes: then a commit that an earlier agent had noted
PACE: Final = 10 << 20  # was never begun, as far as anybody can tell


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """What is written down before the engine is asked for a commit."""

    reference: str
    engine: str  # its run; it is at nothing that an earlier run of it was at
    size: int  # bytes

    @property
    def patience(self) -> float:
        """Seconds for which its image may yet come."""
        return UNSURE + self.size / PACE

    def written(self) -> str:
        return json.dumps(dataclasses.asdict(self))


def read(file: Path) -> Note | None:
    """The note there; None where there is none that can be read."""
    try:
        found = json.loads(file.read_text())
        return Note(str(found["reference"]), str(found["engine"]), int(found["size"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


class Commits:
    """Those of this agent."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._tidying: set[asyncio.Task[None]] = set()

    def is_at(self, container: str) -> bool:
        return container in self._under_way

    async def make(self, container: str, reference: str, marks: Mapping[str, str]) -> None:
        """Until the image is there. Raises EngineError. Cancelled, the image goes once it has come."""
        task = asyncio.create_task(
            self._runtime.commit(container, reference, marks), name=f"commit {reference}"
        )
        self._under_way[container] = task
        task.add_done_callback(lambda done: self._over(container, done))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            tidying = asyncio.create_task(self._tidy(task, reference), name=f"unwanted {reference}")
            self._tidying.add(tidying)
            tidying.add_done_callback(self._tidying.discard)
            raise

    async def aclose(self) -> None:
        """The agent ends; the engine goes on."""
        for task in (*self._tidying, *self._under_way.values()):
            task.cancel()

    async def _tidy(self, task: "asyncio.Task[None]", reference: str) -> None:
        await asyncio.wait({task})
        try:
            await self._runtime.remove_image(reference)
        except EngineError as error:
            extra = {"image": reference, "error": error.message}
            log.warning("an image that came too late was not removed", extra=extra)

    def _over(self, container: str, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(container) is task:
            del self._under_way[container]
        if not task.cancelled():
            task.exception()  # whoever waited has it
