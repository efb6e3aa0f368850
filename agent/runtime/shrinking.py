"""Room for a smaller memory limit: a kernel with cgroup v2 takes any limit, and kills where it does not fit.

Where the agent may write to the container's cgroup, the kernel is first asked to do with a little less
(`memory.high`): it drops what it can, and whoever takes more is made to wait, but not killed. What is used is
looked at then, and grows slowly until the limit is set, a moment later. Elsewhere the engine's own reading
has to do. A kernel with cgroup v1 refuses by itself what it cannot make room for.

An agent that is killed in the middle of this leaves `memory.high` set. The next one sees by the number that
it was an agent's, and takes it back at its first look at the container.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import docker

from kohakuriver import quantity
from kohakuriver.agent.runtime.errors import EngineRefused

PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")
_HIGH: Final = "memory.high"
_NO_LIMIT: Final = "max"
_SPARE: Final = 16  # this part of the limit is what may still be taken, slowly: the kernel is not exact
# What an agent asks for is of pages that leave this remainder; what a person writes is a rounder number.
_PAGE: Final = 4096  # bytes; where pages are larger, the kernel rounds the number, and it stays unknown
_PAGES, _REMAINDER = 64, 37


@contextlib.contextmanager
def room(
    client: docker.APIClient, container_id: str, memory: int, *, proc: Path = PROC, cgroups: Path = CGROUPS
) -> Iterator[None]:
    """While the container is given this limit. Raises EngineRefused where it uses more than that."""
    pid = (client.inspect_container(container_id).get("State") or {}).get("Pid")
    group = _group(pid, container_id, proc, cgroups) if pid else None
    if group is None:
        used = used_of_v2(client.stats(container_id, stream=False, one_shot=True))
        if used is not None:
            refuse(used, memory)
        yield
        return
    try:
        if memory < _limit(group):
            _write(group, str(eased(memory)))
            refuse(_held(group), memory)
        yield
    finally:
        _write(group, _NO_LIMIT)  # also what an agent that ended in the middle of this has left


class Leftovers:
    """What earlier agents have left of this, taken back once in each run of a container."""

    def __init__(self, *, proc: Path = PROC, cgroups: Path = CGROUPS) -> None:
        self._proc = proc
        self._cgroups = cgroups
        self._seen: dict[str, int] = {}

    def take_back(self, container_id: str, pid: int) -> None:
        """At a look at a container that runs."""
        if self._seen.get(container_id) == pid:
            return
        self._seen[container_id] = pid
        group = _group(pid, container_id, self._proc, self._cgroups)
        if group is not None and is_eased(_high(group)):
            _write(group, _NO_LIMIT)

    def forget(self, container_id: str) -> None:
        """It is gone."""
        self._seen.pop(container_id, None)


def eased(memory: int) -> int:
    """What a container is asked to do with before it is given this limit. Pure."""
    pages = (memory - memory // _SPARE) // _PAGE
    return (pages - (pages - _REMAINDER) % _PAGES) * _PAGE


def is_eased(high: str) -> bool:
    """Whether an agent wrote this. Pure."""
    return high.isdecimal() and int(high) % (_PAGES * _PAGE) == _REMAINDER * _PAGE


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


def _group(pid: int, container_id: str, proc: Path, cgroups: Path) -> Path | None:
    """The container's group, not one that its programs have made below it; None where it is not of cgroup v2
    or may not be written to."""
    with contextlib.suppress(OSError):
        for line in (proc / str(pid) / "cgroup").read_text(errors="replace").splitlines():
            path = line.removeprefix("0::")
            if path == line or container_id not in path:
                continue
            before, after = path.split(container_id, 1)
            group = cgroups / f"{before}{container_id}{after.split('/')[0]}".lstrip("/")
            if os.access(group / _HIGH, os.W_OK):
                return group
    return None


def _limit(group: Path) -> float:
    """Bytes, as the kernel has them. Infinite where there is none, or the group has just gone."""
    with contextlib.suppress(OSError, ValueError):
        return int((group / "memory.max").read_text())
    return float("inf")


def _high(group: Path) -> str:
    with contextlib.suppress(OSError):
        return (group / _HIGH).read_text().strip()
    return _NO_LIMIT


def _held(group: Path) -> int:
    """Bytes that the kernel has not dropped and could not drop; none where the group has just gone."""
    with contextlib.suppress(OSError):
        current = int((group / "memory.current").read_text())
        details = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return max(0, current - int(details.get("inactive_file", 0)))
    return 0


def _write(group: Path, value: str) -> None:
    with contextlib.suppress(OSError):  # the container has just ended
        (group / _HIGH).write_text(value)
