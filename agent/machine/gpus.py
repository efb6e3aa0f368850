"""The machine's GPUs as last seen, whoever told of them.

Refreshed now and then by node.py, which reports them; surroundings.py asks which of a VPS's are there and
well. inventory.py says where they are looked up. Never changes a GPU.
"""

import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

from kohakuriver import quantity
from kohakuriver.agent.machine.look import Look

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class GPU:
    """One graphics processor."""

    index: int
    uuid: str
    model: str = ""
    memory: int | None = None  # bytes
    numa: int | None = None
    healthy: bool = True
    trouble: str = ""  # why it is not healthy, where the driver says so

    def written(self) -> dict[str, object]:
        """As it stands in the Node's status."""
        memory = quantity.format_size(self.memory) if self.memory is not None else None
        fields = {
            "index": self.index,
            "uuid": self.uuid,
            "model": self.model or None,
            "memory": memory,
            "numa": self.numa,
            "healthy": self.healthy,
        }
        return {field: value for field, value in fields.items() if value is not None}

    def sick(self, trouble: str) -> "GPU":
        """The same one, to be given to nobody."""
        return dataclasses.replace(self, healthy=False, trouble=trouble)


Found = tuple[GPU, ...]


class Inventory(Protocol):
    """Where GPUs are looked up."""

    def read(self) -> Found:
        """All of them now. Blocks for seconds at most; raises OSError or ValueError when it cannot tell."""
        ...


class Devices:
    """The GPUs as last seen. One that goes away while its VPS is here is shown as such."""

    def __init__(
        self,
        inventory: Inventory,
        *,
        simulated: bool,
        changed: Callable[[], None],
        threads: Executor | None = None,
    ) -> None:
        self.found: Found = ()
        self.simulated = simulated
        self._inventory = inventory
        self._look = Look[Found]("which GPUs it has", threads)
        self._changed = changed
        self._error = ""

    @property
    def are_real(self) -> bool:
        """Whether the engine can be asked for them."""
        return bool(self.found) and not self.simulated

    @property
    def are_told(self) -> bool:
        """Whether anybody can tell which there are, and how they are."""
        return not self._error

    @property
    def trouble(self) -> str:
        """What keeps GPUs of this machine from being given to VPSes, in words; empty where nothing does."""
        return self._error or "; ".join(_words(gpu) for gpu in self.found if not gpu.healthy)

    async def refresh(self) -> None:
        """Look again. Where nobody can tell, those known are kept, as unhealthy."""
        try:
            found, error = await self._look.take(self._inventory.read), ""
        except (OSError, ValueError) as failure:
            error = str(failure)
            found = tuple(gpu.sick(error) for gpu in self.found)
        if error and error != self._error:
            log.warning("the GPUs cannot be read", extra={"error": error})
        self._error = error
        if found != self.found:
            log.info("the GPUs changed", extra={"from": len(self.found), "to": len(found)})
            self.found = found
            self._changed()

    def wrong(self, uuid: str, *, node: str) -> str:
        """What is wrong with a GPU, in words; empty if nothing is."""
        gpu = next((one for one in self.found if one.uuid == uuid), None)
        if gpu is not None:
            why = f": {gpu.trouble}" if gpu.trouble else ""
            return "" if gpu.healthy else f"GPU {uuid} (index {gpu.index}) of {node} is not healthy{why}"
        if self._error:
            return f"whether {node} has GPU {uuid} cannot be told: {self._error}"
        return f"GPU {uuid} is gone from {node}"


def _words(gpu: GPU) -> str:
    return f"GPU {gpu.index} ({gpu.uuid}) is not healthy" + (f": {gpu.trouble}" if gpu.trouble else "")
