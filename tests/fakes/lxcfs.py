"""An lxcfs in memory, with what containers see of it."""

from collections.abc import Iterable, Mapping

from kohakuriver.agent.deciding import shown
from kohakuriver.agent.machine.lxcfs import LxcfsFailed, View
from kohakuriver.agent.runtime.base import Container


class FakeLxcfs:
    """One in memory, with what containers see of it."""

    def __init__(self, device: str = "0:63") -> None:
        self.device = device  # "": it is down, or hangs
        self.seen: dict[str, dict[str, str]] = {}
        self.old: set[str] = set()  # containers with a keep-alive of before
        self.refuses: set[str] = set()  # containers that cannot be entered
        self.looked = 0  # at containers
        self.applied = 0

    def serves(self) -> str:
        return self.device

    def views(self, containers: Iterable[Container]) -> Mapping[str, View]:
        containers = list(containers)
        self.looked += len(containers)
        return {one.id: View(dict(self.seen.get(one.id, {})), one.id in self.old) for one in containers}

    def apply(self, container: Container, change: shown.Change, device: str) -> None:
        self.applied += 1
        if container.id in self.refuses:
            raise LxcfsFailed("setns: Operation not permitted")
        seen = self.seen.setdefault(container.id, {})
        for file in change.off:
            del seen[file]
        seen.update(dict.fromkeys(change.over, device))
