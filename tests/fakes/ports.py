"""`Ports` in memory, for tests: what runs hangs on a port of its own, another one with each start."""

from collections.abc import Iterable, Mapping

from kohakuriver.agent.runtime.base import Container


class FakePorts:
    """A bridge."""

    def __init__(self) -> None:
        self.hidden: set[str] = set()  # containers, by name, of which it cannot be told
        self._given: dict[tuple[str, str, str], str] = {}

    async def find(self, bridge: str, containers: Iterable[Container]) -> Mapping[str, str]:
        running = [one for one in containers if one.is_up and one.name not in self.hidden]
        return {one.id: self._port(bridge, one) for one in running}

    def _port(self, bridge: str, container: Container) -> str:
        start = (bridge, container.id, container.started_at or "")
        return self._given.setdefault(start, f"veth{len(self._given):07x}")
