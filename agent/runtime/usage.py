"""What a container uses right now, as the engine reads it from its control group."""

import dataclasses
import urllib.parse

from kohakuriver.agent.runtime.engine_socket import EngineSocket


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """One reading."""

    cpu_seconds: float  # of all cores together, since the container started
    memory: int  # bytes, without the page cache that can be dropped
    processes: int


async def usage(engine: EngineSocket, container: str) -> Usage:
    """Read it once. Raises EngineError."""
    quoted = urllib.parse.quote(container, safe="")
    found = await engine.call("GET", f"/containers/{quoted}/stats?stream=false&one-shot=true")
    memory = found.get("memory_stats") or {}
    details = memory.get("stats") or {}
    droppable = details.get(
        "total_inactive_file", details.get("inactive_file", 0)
    )  # v1 counts groups below apart
    return Usage(
        cpu_seconds=found["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
        memory=max(int(memory.get("usage") or 0) - int(droppable), 0),
        processes=int((found.get("pids_stats") or {}).get("current") or 0),
    )
