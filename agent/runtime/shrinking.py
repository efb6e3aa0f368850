"""Whether a smaller memory limit would end programs: a kernel with cgroup v2 takes any limit, and then kills.

With cgroup v1 it refuses by itself what it cannot make room for. Only reads.
"""

from collections.abc import Mapping
from typing import Any

import docker

from kohakuriver import quantity
from kohakuriver.agent.runtime.errors import EngineRefused


def check(client: docker.APIClient, container_id: str, memory: int) -> None:
    """Raises EngineRefused where the container uses more than this."""
    used = used_of_v2(client.stats(container_id, stream=False, one_shot=True))
    if used is not None:
        refuse(used, memory)


def refuse(used: int, memory: int) -> None:
    """Raises EngineRefused, in words, where what is used does not fit. Pure."""
    if used > memory:
        raise EngineRefused(
            f"its programs use {quantity.approximate_size(used)} of memory, more than the "
            f"{quantity.approximate_size(memory)} it is to have: with less they would be killed",
            hint="it is tried again; end some of them, or stop and start it",
        )


def used_of_v2(stats: Mapping[str, Any]) -> int | None:
    """What cannot be dropped of what a running container uses, by an engine's reading of cgroup v2. Pure."""
    reading = stats.get("memory_stats") or {}
    details = reading.get("stats") or {}
    if "total_inactive_file" in details or not reading.get("usage"):
        return None  # cgroup v1, or nothing runs
    return max(0, int(reading["usage"]) - int(details.get("inactive_file") or 0))
