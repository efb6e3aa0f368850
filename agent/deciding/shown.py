"""Which of the kernel's figures a container is to be shown by lxcfs, so that they are its own. Pure.

lxcfs is a file system that answers for /proc/meminfo and its like with what the asking container may use. Its
files are laid over the kernel's inside a container that runs, and taken off again once it answers no more:
what lies over a file and has no server any more is an error for whoever reads it.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Final

UPTIME: Final = "/proc/uptime"
FILES: Final = (
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    UPTIME,
    "/sys/devices/system/cpu/online",
)
TYPE: Final = "fuse.lxcfs"


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What is to be done inside one container: first taken off, then laid over."""

    off: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.off or self.over)


def mounts(mountinfo: str) -> dict[str, str]:
    """Where lxcfs is seen, and the device of the one that is, from a process's /proc/PID/mountinfo."""
    found = {}
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split(" ")
        if dash and len(fields) > 4:
            found[fields[4]] = fields[2] if right.split(" ")[0] == TYPE else ""
    return {place: device for place, device in found.items() if device}


def change(seen: Mapping[str, str], serves: str, *, besides: Collection[str] = ()) -> Change:
    """For a container that sees `seen`, where the lxcfs that answers is the device `serves`, "" for none."""
    off = tuple(file for file in FILES if seen.get(file, serves) != serves)
    if not serves:
        return Change(off)
    return Change(off, tuple(file for file in FILES if seen.get(file) != serves and file not in besides))


def reads_uptime(main: bytes) -> bool:
    """Whether this command line is that of a keep-alive of before there was this: it ends where it cannot
    read how long the machine is up."""
    return UPTIME.encode() in main
