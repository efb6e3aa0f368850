"""What still runs of a container that its engine takes for ended, or has no more.

An engine that was killed in the middle of its work may lose sight of a run: the processes go on, with the
container's files, GPUs and address, while the engine says "exited" and refuses to start it ("id already in
use"), or was told to remove it and did. They are found by their cgroup, which is named after the container's
id whatever the engine believes of it.
"""

import asyncio
import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.runtime.errors import EngineRefused

CGROUPS: Final = Path("/sys/fs/cgroup")
# cgroupfs and systemd as the engine's driver; one hierarchy (v2), or one for each controller (v1).
_PLACES: Final = (
    "docker/{}",
    "*/docker/{}",
    "system.slice/docker-{}.scope",
    "*/system.slice/docker-{}.scope",
)
_PATIENCE: Final = 5.0  # seconds for processes to be gone once they are killed
_PAUSE: Final = 0.02


async def end(container_id: str, *, root: Path = CGROUPS) -> int:
    """Kill them; how many they were. Raises EngineRefused where they cannot be killed, or stay."""
    loop = asyncio.get_running_loop()
    until, ended = loop.time() + _PATIENCE, set[int]()
    while living := _living(container_id, root):
        if loop.time() > until:
            raise EngineRefused(
                f"{_said(living)} of container {container_id[:12]} cannot be ended, though it is over",
                hint="they wait for a device or a file system: restart the machine if that does not pass",
            )
        _thaw(container_id, root)
        for pid in living:
            _kill(pid, container_id, root)
        ended |= living
        await asyncio.sleep(_PAUSE)
    return len(ended)


def _groups(container_id: str, root: Path) -> Iterator[Path]:
    for place in _PLACES:
        yield from root.glob(place.format(container_id))


def _living(container_id: str, root: Path) -> set[int]:
    """The processes in its cgroups and in those below them."""
    found: set[int] = set()
    for group in _groups(container_id, root):
        for file in group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in file.read_text().split())
    return {pid for pid in found if pid > 0 and _lives(pid)}


def _lives(pid: int) -> bool:
    """Whether it has not ended; one whose parent has not looked yet has."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        return not select.select([descriptor], [], [], 0)[0]
    finally:
        os.close(descriptor)


def _thaw(container_id: str, root: Path) -> None:
    """A frozen process of cgroup v1 takes no signal."""
    for group in _groups(container_id, root):
        with contextlib.suppress(OSError):
            if (group / "freezer.state").exists():
                (group / "freezer.state").write_text("THAWED")


def _kill(pid: int, container_id: str, root: Path) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if pid in _living(container_id, root):  # still that one, now that its number cannot be another's
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise EngineRefused(
            f"process {pid} of container {container_id[:12]} runs on, though it is over for the engine",
            hint=f"this agent may not end it; as root: kill -9 {pid}",
        ) from error
    finally:
        os.close(descriptor)


def _said(living: set[int]) -> str:
    pids = ", ".join(map(str, sorted(living)))
    return f"process {pids}" if len(living) == 1 else f"processes {pids}"
