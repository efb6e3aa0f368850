"""Which cores and how much memory lie close to each other: NUMA, read from sysfs. Writes nothing.

What is read here goes to `Node.status.numa`, from which the server grants cores, and to surroundings.py,
which works out the cores that VPSes share.
"""

import contextlib
import dataclasses
import re
from pathlib import Path

from kohakuriver import cpuset, quantity

_CPUS = "devices/system/cpu/online"
_NODES = "devices/system/node"
_USABLE = (
    "fs/cgroup/cpuset.cpus.effective",
    "fs/cgroup/cpuset/cpuset.cpus",
)  # of control groups, new and old
_TOTAL = re.compile(r"MemTotal:\s+(\d+) kB")


@dataclasses.dataclass(frozen=True, slots=True)
class NUMANode:
    """Cores and memory that lie close to each other."""

    id: int
    cores: frozenset[int]
    memory: int | None = None  # bytes

    def written(self) -> dict[str, object]:
        """As it stands in the Node's status."""
        memory = {"memory": quantity.format_size(self.memory)} if self.memory is not None else {}
        return {"id": self.id, "cpuset": cpuset.written(self.cores), **memory}


Topology = tuple[NUMANode, ...]


def read(sysfs: Path) -> Topology:
    """The machine's NUMA nodes that have cores; one with all cores where it has no such thing, none at all
    where sysfs does not say."""
    online = _cores(sysfs / _CPUS)
    if online is None:
        return ()
    for path in _USABLE:
        usable = _cores(sysfs / path)
        if usable:
            online &= usable
    nodes = [_node(folder, online) for folder in (sysfs / _NODES).glob("node[0-9]*")]
    found = sorted((node for node in nodes if node.cores), key=lambda node: node.id)
    return tuple(found) if found else (NUMANode(0, online),)


def cores_of(topology: Topology, numa: int | None = None) -> frozenset[int]:
    """The cores of one NUMA node, or of all."""
    nodes = [node.cores for node in topology if numa is None or node.id == numa]
    return frozenset().union(*nodes)


def _node(folder: Path, online: frozenset[int]) -> NUMANode:
    cores = _cores(folder / "cpulist") or frozenset()
    memory = None
    with contextlib.suppress(OSError):
        total = _TOTAL.search((folder / "meminfo").read_text())
        memory = int(total[1]) * 1024 if total else None
    return NUMANode(int(folder.name.removeprefix("node")), cores & online, memory)


def _cores(path: Path) -> frozenset[int] | None:
    try:
        return cpuset.parse(path.read_text())
    except (OSError, ValueError):
        return None
