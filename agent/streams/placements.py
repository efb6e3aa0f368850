"""Which container a stream is to: that of one placement of a VPS on this node, as the engine has it now."""

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.machine.inside import Namespaces
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container, Runtime


class Placements:
    """What runs on this node, by VPS uid and epoch."""

    def __init__(self, roster: Roster, runtime: Runtime, namespaces: Namespaces) -> None:
        self._roster = roster
        self._runtime = runtime
        self._namespaces = namespaces

    async def find(self, uid: str, epoch: int) -> Container | None:
        """Its container; None where it has none here. Raises EngineError."""
        entry = self._roster.entry(uid)
        if entry is None or entry.desired.epoch != epoch:
            return None
        known = self._roster.of(entry)
        if known is None or not labels.is_for(known, entry.desired):
            return None
        if not known.is_up or known.pid is None:
            known = await self._runtime.inspect(known.id)
        self._namespaces.keep_only(container for container in self._roster.containers() if container.is_up)
        return known
