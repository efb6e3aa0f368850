"""What a container uses right now, as the engine reads it from its control group."""

import dataclasses
import urllib.parse
from collections.abc import Mapping
from typing import Any

from kohakuriver.agent.runtime.engine_socket import EngineSocket


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """One reading. What is counted is counted since the container started."""

    cpu_seconds: float  # of all cores together
    memory: int  # bytes, without the page cache that can be dropped
    processes: int
    received: int = 0  # bytes from its network
    sent: int = 0
    read: int = 0  # bytes from disks
    written: int = 0


async def usage(engine: EngineSocket, container: str) -> Usage:
    """Read it once. Raises EngineError."""
    quoted = urllib.parse.quote(container, safe="")
    found = await engine.call("GET", f"/containers/{quoted}/stats?stream=false&one-shot=true")
    memory = found.get("memory_stats") or {}
    details = memory.get("stats") or {}
    droppable = details.get(
        "total_inactive_file", details.get("inactive_file", 0)
    )  # v1 counts groups below apart
    networks = (found.get("networks") or {}).values()
    return Usage(
        cpu_seconds=found["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
        memory=max(int(memory.get("usage") or 0) - int(droppable), 0),
        processes=int((found.get("pids_stats") or {}).get("current") or 0),
        received=sum(int(one.get("rx_bytes") or 0) for one in networks),
        sent=sum(int(one.get("tx_bytes") or 0) for one in networks),
        read=_of_disks(found, "read"),
        written=_of_disks(found, "write"),
    )


def _of_disks(found: Mapping[str, Any], operation: str) -> int:
    counted = (found.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    return sum(int(one.get("value") or 0) for one in counted if str(one.get("op")).lower() == operation)
