"""Commands inside a VPS before and after its snapshots: as root, for a time, with the end of what they say.

The edge between taking.py and the engine. A command that does not end in time is ended with all that it has
started in its session.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from kohakuriver import durations
from kohakuriver.agent.holder.program import end_command
from kohakuriver.agent.runtime.demux import Demux
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.errors import EngineError, RuntimeTimeout
from kohakuriver.agent.runtime.execs import Execs

MOST_WORDS: Final = 1024  # characters of a message
_MOST: Final = 4096  # bytes of output that are kept, the last ones
_LOOK_EVERY: Final = 0.02  # seconds
_LOOKS: Final = 100
_ENV: Final = "KOHAKURIVER_SNAPSHOT"


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: with a code, or why it has none."""

    code: int | None
    words: str = ""  # the end of its output, or why it could not be run

    @property
    def is_failed(self) -> bool:
        return self.code != 0

    def status(self) -> dict[str, Any]:
        """Its form in the status of a Snapshot."""
        said = {"exitCode": self.code, "message": self.words[:MOST_WORDS] if self.is_failed else ""}
        return {field: value for field, value in said.items() if value not in (None, "")}


class Hooks(Protocol):
    """Runs commands inside containers."""

    async def run(
        self, container_id: str, command: Sequence[str], *, snapshot: str, within: float
    ) -> Outcome:
        """Run it to its end, or end it after so many seconds. What goes wrong is in the outcome."""
        ...


class EngineHooks:
    """By the engine's own way to run a command in a container."""

    def __init__(self, engine: str) -> None:
        self._execs = Execs(EngineSocket(engine))

    async def run(
        self, container_id: str, command: Sequence[str], *, snapshot: str, within: float
    ) -> Outcome:
        heard = _Output()
        exec_id = ""
        try:
            try:
                exec_id = await self._execs.make(
                    container_id, command, env={_ENV: snapshot}, terminal=False, stdin=False
                )
                await self._execs.start(exec_id, heard, terminal=False)
                async with asyncio.timeout(within):
                    await heard.over.wait()
                    code = await self._code(exec_id)
            except TimeoutError:
                await self._end(exec_id, container_id)
                return Outcome(None, _joined(f"it did not end in {durations.age(within)}", heard.words))
            except (asyncio.CancelledError, RuntimeTimeout):
                await self._end(exec_id, container_id)
                raise
            finally:
                heard.close()
        except EngineError as error:
            return Outcome(None, f"it could not be run: {error.message}")
        if code is None:
            return Outcome(None, _joined("the engine does not say how it ended", heard.words))
        return Outcome(code, heard.words)

    async def _code(self, exec_id: str) -> int | None:
        """Known a moment after its output has ended."""
        for _ in range(_LOOKS):
            found = await self._execs.look(exec_id)
            if not found.is_running:
                return found.code
            await asyncio.sleep(_LOOK_EVERY)
        return None

    async def _end(self, exec_id: str, container_id: str) -> None:
        """What it has left running would otherwise go on in the snapshot, and after it."""
        if not exec_id:
            return
        with contextlib.suppress(EngineError, OSError):
            for _ in range(_LOOKS):  # an engine that is slow may not have begun it
                found = await self._execs.look(exec_id)
                if found.is_running and found.pid:
                    await end_command(self._execs, exec_id, container_id)
                    return
                if found.code is not None:
                    return
                await asyncio.sleep(_LOOK_EVERY)


class _Output(asyncio.Protocol):
    """Keeps the end of what a command writes, on both its streams."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._kept = b""
        self._demux = Demux()
        self._transport: asyncio.BaseTransport | None = None

    @property
    def words(self) -> str:
        return self._kept.decode(errors="replace").strip()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for _, part in self._demux.feed(data):
            self._kept = (self._kept + part)[-_MOST:]
        if self._demux.complaint:
            self._kept, self._demux.complaint = (self._kept + self._demux.complaint)[-_MOST:], b""

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()


def failed(what: str, outcome: Outcome | None) -> str:
    """What is told of a hook that failed; empty where it did not."""
    if outcome is None or not outcome.is_failed:
        return ""
    how = f"ended with code {outcome.code}" if outcome.code is not None else "failed"
    return _joined(f"the hook {what} the snapshot {how}", outcome.words)


def read(plan: Mapping[str, Any]) -> tuple[list[str], list[str], float]:
    """The commands before and after, and the seconds for each, by `spec.snapshots` of a VPS."""
    found = plan.get("hooks") or {}
    seconds = durations.parse(found.get("timeout") or "30s")
    return list(found.get("before") or ()), list(found.get("after") or ()), seconds


def _joined(words: str, more: str) -> str:
    return f"{words}: {more[-(MOST_WORDS - len(words) - 2) :]}" if more else words
