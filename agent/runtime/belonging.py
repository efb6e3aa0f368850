"""Which container a process of the machine is in, by its cgroup: that is named after the container's id,
wherever in the tree its engine puts it. The one rule for all who ask."""

import contextlib
import re
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_WHOLE: Final = re.compile("[0-9a-f]{64}")  # part of an id may be part of anything


def is_of(pid: int, container_id: str, proc: Path) -> bool:
    """Whether a part of its cgroup's path is the container's: `ID`, or `docker-ID.scope` with systemd."""
    if _WHOLE.fullmatch(container_id) is None:
        return False
    paths = [path for _, _, path in groups(pid, proc) if container_id in path]
    parts = [part.removesuffix(".scope") for path in paths for part in path.split("/")]
    return any(re.split("[-:]", part)[-1] == container_id for part in parts)


def groups(pid: int, proc: Path) -> list[tuple[str, str, str]]:
    """Its cgroups: number, controllers, path."""
    with contextlib.suppress(OSError):
        lines = (proc / str(pid) / "cgroup").read_text(errors="replace").splitlines()
        return [(parts[0], parts[1], parts[2]) for line in lines if len(parts := line.split(":", 2)) == 3]
    return []
