"""The machine's GPUs: through NVML, or from a file that stands in for it in tests.

Read now and then by node.py, which reports them; surroundings.py asks which of a VPS's are there and well.
The library is the extra `gpu`; without it, or without a driver, the machine has none. Never changes a GPU.
"""

import asyncio
import contextlib
import dataclasses
import importlib
import importlib.util
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from kohakuriver import errors, quantity

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


Found = tuple[GPU, ...]


class Inventory(Protocol):
    """Where GPUs are looked up."""

    def read(self) -> Found:
        """All of them now. Blocking; raises OSError or ValueError when it cannot tell."""
        ...


class FileInventory:
    """A JSON list of objects with the fields of `Node.status.gpus`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Found:
        try:
            return tuple(_from_json(one) for one in json.loads(self._file.read_text()))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._file} is no list of GPUs with index and uuid: {error}") from error


class NoGPUs:
    """A machine without."""

    def read(self) -> Found:
        return ()


class NVML:
    """NVIDIA's library, given as its module. Raises OSError where there is no driver."""

    def __init__(self, nvml: Any, sysfs: Path) -> None:
        self._nvml = nvml
        self._sysfs = sysfs
        self._call(nvml.nvmlInit)

    def read(self) -> Found:
        count = self._call(self._nvml.nvmlDeviceGetCount)
        return tuple(self._read(index) for index in range(count))

    def _read(self, index: int) -> GPU:
        device = self._call(self._nvml.nvmlDeviceGetHandleByIndex, index)
        pci = _text(self._call(self._nvml.nvmlDeviceGetPciInfo, device).busId).lower()
        return GPU(
            index=index,
            uuid=_text(self._call(self._nvml.nvmlDeviceGetUUID, device)),
            model=_text(self._call(self._nvml.nvmlDeviceGetName, device)),
            memory=int(self._call(self._nvml.nvmlDeviceGetMemoryInfo, device).total),
            numa=self._numa(pci),
        )

    def _numa(self, pci: str) -> int | None:
        """sysfs writes four digits of the domain where NVML writes eight, and -1 where it does not matter."""
        with contextlib.suppress(OSError, ValueError):
            number = int((self._sysfs / f"bus/pci/devices/{pci[-12:]}/numa_node").read_text())
            return number if number >= 0 else None
        return None

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            raise OSError(f"NVML: {error}") from error


class Devices:
    """The GPUs as last seen. One that goes away while its VPS is here is shown as such."""

    def __init__(self, inventory: Inventory, *, simulated: bool, changed: Callable[[], None]) -> None:
        self.found: Found = ()
        self.simulated = simulated
        self._inventory = inventory
        self._changed = changed
        self._error = ""

    @property
    def are_real(self) -> bool:
        """Whether the engine can be asked for them."""
        return bool(self.found) and not self.simulated

    async def refresh(self) -> None:
        """Look again. Where nobody can tell, those known are kept, as unhealthy."""
        try:
            found, error = await asyncio.to_thread(self._inventory.read), ""
        except (OSError, ValueError) as failure:
            error = str(failure)
            found = tuple(dataclasses.replace(gpu, healthy=False) for gpu in self.found)
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
        if gpu is None:
            return f"GPU {uuid} is gone from {node}"
        return "" if gpu.healthy else f"GPU {uuid} (index {gpu.index}) of {node} is not healthy"


def inventory(file: Path | None, *, sysfs: Path) -> Inventory:
    """Where to look on this machine. Raises ConfigError for a file that is not one."""
    if file is not None:
        found = FileInventory(file)
        try:
            found.read()
        except (OSError, ValueError) as error:
            raise errors.ConfigError(
                f"--gpu-inventory: {error}",
                hint='write a list such as [{"index": 0, "uuid": "GPU-0", "model": "A100", "numa": 0}]',
            ) from error
        return found
    if importlib.util.find_spec("pynvml") is None:
        return NoGPUs()
    try:
        return NVML(importlib.import_module("pynvml"), sysfs)
    except OSError as error:
        log.info("no GPUs", extra={"why": str(error)})
        return NoGPUs()


def _from_json(one: dict[str, Any]) -> GPU:
    memory = one.get("memory")
    return GPU(
        index=int(one["index"]),
        uuid=str(one["uuid"]),
        model=one.get("model") or "",
        memory=quantity.size(memory) if memory is not None else None,
        numa=one.get("numa"),
        healthy=bool(one.get("healthy", True)),
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
