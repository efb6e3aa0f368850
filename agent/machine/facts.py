"""What the agent can tell about its machine: cores, memory, boot, disk. Writes nothing."""

import dataclasses
import os
import platform
import socket
from pathlib import Path

from kohakuriver import __version__, quantity
from kohakuriver.agent.runtime.base import EngineInfo
from kohakuriver.agent.settings import Settings

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LEAST_SHARE, LEAST_BYTES = 0.05, 1 << 30  # of the data root, below which the disk is under pressure
LEAST_FILES = 10_000  # that can still be made there


@dataclasses.dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds the engine's data."""

    path: str
    total: int  # bytes
    free: int  # bytes
    files: int = 0  # inodes; 0 where the file system makes them as it goes
    free_files: int = 0

    @property
    def is_short(self) -> bool:
        return self.free < LEAST_BYTES or self.free < LEAST_SHARE * self.total or self._lacks_files

    @property
    def words(self) -> str:
        """How full it is, for a person."""
        free, total = quantity.approximate_size(self.free), quantity.approximate_size(self.total)
        room = f"{free} of {total} free on {self.path}"
        return f"{room}, and room for {self.free_files} more files (inodes)" if self._lacks_files else room

    @property
    def _lacks_files(self) -> bool:
        return self.files > 0 and self.free_files < max(LEAST_FILES, LEAST_SHARE * self.files)


def boot_id() -> str:
    """Changes with every boot; empty where the machine does not say."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def engine_run(socket_path: str) -> str:
    """Changes with every start of the engine behind that socket, by the file with its process id beside it;
    empty where there is none."""
    file = Path(socket_path.removeprefix("unix://")).with_name("docker.pid")
    try:
        return f"{file.read_text().strip()} {file.stat().st_mtime_ns}"
    except OSError:
        return ""


def disk(root: str) -> Disk | None:
    """How full the engine's data root is; None where it cannot be seen from here."""
    try:
        usage = os.statvfs(root)
    except OSError:
        return None
    size, free = usage.f_frsize * usage.f_blocks, usage.f_frsize * usage.f_bavail
    return Disk(root, size, free, files=usage.f_files, free_files=usage.f_favail)


def capacity(info: EngineInfo, settings: Settings) -> dict[str, str]:
    """What the machine has, or what the administrator declared."""
    millicores = settings.millicores or info.cores * 1000
    memory = settings.memory or info.memory
    return {"cores": quantity.format_cores(millicores), "memory": quantity.format_size(memory)}


def allocatable(info: EngineInfo, settings: Settings) -> dict[str, str]:
    """Capacity less the reserve; memory in whole mebibytes."""
    millicores = (settings.millicores or info.cores * 1000) - settings.reserve_millicores
    memory = settings.memory or info.memory
    reserve = settings.reserve_memory
    kept = reserve * memory if reserve < 1 else reserve
    rest = max(0, int(memory - kept)) >> 20 << 20
    return {"cores": quantity.format_cores(max(0, millicores)), "memory": quantity.format_size(rest)}


def node_info(info: EngineInfo) -> dict[str, str]:
    """What the machine and its programs are."""
    return {
        "hostname": socket.gethostname(),
        "operatingSystem": info.operating_system,
        "kernelVersion": info.kernel,
        "architecture": info.architecture or platform.machine(),
        "runtimeVersion": f"{info.name}://{info.version}",
        "agentVersion": __version__,
        "bootId": boot_id(),
    }


def root_in_a_vps(info: EngineInfo) -> str:
    """Which user of the machine root in a VPS is, for a person."""
    if not info.remaps_users:
        return "root in a VPS is root of this machine: start the engine with userns-remap"
    who = f"user {info.root[0]}" if info.root[0] else "an ordinary user"
    return f"root in a VPS is {who} of this machine"


def is_root() -> bool:
    """Whether the agent may enter the namespaces of containers."""
    return os.geteuid() == 0
