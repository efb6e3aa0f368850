"""What still runs of a container that its engine takes for ended, or has no more.

An engine that was killed in the middle of its work may lose sight of a run: the processes go on, with the
container's files, GPUs and address, while the engine says "exited" and refuses to start it ("id already in
use"), or was told to remove it and did. They are found by their cgroup, which is named after the container's
id whatever the engine believes of it, and wherever in the tree its engine puts it: one of the machine, of a
user, of a parent that somebody chose, or in a container. Where no process can be told by it, nothing that is
not found is taken for gone (`Sight`).
"""

import asyncio
import contextlib
import os
import select
import signal
from pathlib import Path
from typing import Final

from kohakuriver.agent.runtime.belonging import PROC, groups, is_of
from kohakuriver.agent.runtime.errors import EngineRefused

CGROUPS: Final = Path("/sys/fs/cgroup")
_PATIENCE: Final = 5.0  # seconds for processes to be gone once they are killed
_PAUSE: Final = 0.02


async def end(container_id: str, *, proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Kill them; how many they were. Raises EngineRefused where they cannot be killed, or stay."""
    loop = asyncio.get_running_loop()
    until, ended = loop.time() + _PATIENCE, set[int]()
    while living := await asyncio.to_thread(_living, container_id, proc):
        if loop.time() > until:
            raise EngineRefused(
                f"{_said(living)} of container {container_id[:12]} cannot be ended, though it is over",
                hint="they wait for a device or a file system: restart the machine if that does not pass",
            )
        for pid in living:
            _thaw(pid, proc, cgroups)
            _kill(pid, container_id, proc)
        ended |= living
        await asyncio.sleep(_PAUSE)
    return len(ended)


class Sight:
    """Whether the processes of an engine's containers can be told from here by their cgroups: proven by any
    container that runs. Used from many threads."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._is_proven = False
        self._missed: tuple[str, int] | None = None
        self.blind = ""  # why not, in words

    def check(self, container_id: str, pid: int) -> None:
        """The engine says that it runs, with this first process."""
        if self._is_proven:
            return
        if is_of(pid, container_id, self._proc):
            self._is_proven, self.blind = True, ""
        elif self._missed == (container_id, pid):  # it may have ended just then, but not twice
            self.blind = (
                f"process {pid}, which by the engine is that of container {container_id[:12]}, is not to be "
                "seen in a cgroup of that container: what is left of containers cannot be told"
            )
        else:
            self._missed = container_id, pid

    def require(self) -> None:
        """Nothing was found: raises EngineRefused where that says nothing."""
        if self.blind:
            raise EngineRefused(
                self.blind,
                hint="run the agent where it sees the machine's processes, on an engine that has cgroups",
            )


def _living(container_id: str, proc: Path) -> set[int]:
    """The processes in its cgroups and in those below them."""
    pids = [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    return {pid for pid in pids if is_of(pid, container_id, proc) and _lives(pid)}


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


def _thaw(pid: int, proc: Path, cgroups: Path) -> None:
    """A frozen process of cgroup v1 takes no signal."""
    for _, controllers, path in groups(pid, proc):
        if controllers == "freezer":
            with contextlib.suppress(OSError):
                (cgroups / "freezer" / path.lstrip("/") / "freezer.state").write_text("THAWED")


def _kill(pid: int, container_id: str, proc: Path) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if is_of(pid, container_id, proc):  # still that one, now that its number cannot be another's
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
