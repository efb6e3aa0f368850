"""GPUs as NVIDIA's driver tells of them, through its library NVML.

A driver fails in ways of its own: one GPU falls off the bus and the rest go on, an upgrade leaves a library
that is not the kernel's, or a call never comes back. So each GPU is read by itself, everything is begun anew
after a failure, and `Patient` asks in a thread that nobody has to wait for. Reads only.
"""

import concurrent.futures
import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kohakuriver.agent.machine.gpus import GPU, Found, Inventory

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for one look: without NVIDIA's persistence daemon each GPU wakes up first
T = TypeVar("T")


class NVML:
    """NVIDIA's library, given as its module."""

    def __init__(self, nvml: Any, sysfs: Path) -> None:
        self._nvml = nvml
        self._sysfs = sysfs
        self._begun = False
        self._known: dict[int, GPU] = {}  # as last read well; one that is lost does not tell its UUID
        self._troubles: dict[int, str] = {}

    def read(self) -> Found:
        """All GPUs; those that fail as they were known, unhealthy. Raises OSError where none can be read."""
        try:
            self._begin()
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as error:
            self._end()
            if self._has_no_driver(error):
                return ()
            raise OSError(f"NVIDIA's driver cannot be asked: {error}") from error
        well, troubles = self._read_each(count)
        if troubles:
            self._end()
        self._tell(troubles)
        self._known |= well
        uuids = {gpu.uuid for gpu in well.values()}
        lost = [self._known[index].sick(why) for index, why in troubles.items() if index in self._known]
        found = [*well.values(), *(gpu for gpu in lost if gpu.uuid not in uuids)]
        return tuple(sorted(found, key=lambda gpu: gpu.index))

    def _begin(self) -> None:
        if not self._begun:
            self._nvml.nvmlInit()
            self._begun = True

    def _end(self) -> None:
        """What was begun before a driver was reset or replaced goes on failing after it."""
        if self._begun:
            self._begun = False
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()

    def _has_no_driver(self, error: Exception) -> bool:
        absent = (self._nvml.NVMLError_LibraryNotFound, self._nvml.NVMLError_DriverNotLoaded)
        return isinstance(error, absent) and not driver_is_loaded(self._sysfs)

    def _read_each(self, count: int) -> tuple[dict[int, GPU], dict[int, str]]:
        well: dict[int, GPU] = {}
        troubles: dict[int, str] = {}
        for index in range(count):
            try:
                well[index] = self._read(index)
            except self._nvml.NVMLError as error:
                troubles[index] = str(error)
        return well, troubles

    def _read(self, index: int) -> GPU:
        nvml = self._nvml
        device = nvml.nvmlDeviceGetHandleByIndex(index)
        gpu = GPU(index=index, uuid=_text(nvml.nvmlDeviceGetUUID(device)))
        pci = self._if_supported(nvml.nvmlDeviceGetPciInfo, device)
        memory = self._if_supported(nvml.nvmlDeviceGetMemoryInfo, device)
        return dataclasses.replace(
            gpu,
            model=_text(self._if_supported(nvml.nvmlDeviceGetName, device) or ""),
            memory=int(memory.total) if memory is not None else None,
            numa=self._numa(_text(pci.busId)) if pci is not None else None,
        )

    def _if_supported(self, function: Callable[[Any], T], device: Any) -> T | None:
        """GPUs that share the machine's memory have none of their own to tell of."""
        try:
            return function(device)
        except (self._nvml.NVMLError_NotSupported, self._nvml.NVMLError_FunctionNotFound):
            return None

    def _numa(self, pci: str) -> int | None:
        """sysfs writes four digits of the domain where NVML writes eight, and -1 where it does not matter."""
        with contextlib.suppress(OSError, ValueError):
            domain, rest = pci.lower().split(":", 1)
            file = self._sysfs / f"bus/pci/devices/{int(domain, 16):04x}:{rest}/numa_node"
            number = int(file.read_text())
            return number if number >= 0 else None
        return None

    def _tell(self, troubles: dict[int, str]) -> None:
        for index, why in troubles.items():
            if self._troubles.get(index) != why:
                log.warning("a GPU cannot be read", extra={"index": index, "error": why})
        self._troubles = troubles


class Patient:
    """Another inventory, asked in a thread of its own: a driver that hangs is waited for once."""

    def __init__(self, inventory: Inventory, *, patience: float = PATIENCE) -> None:
        self._inventory = inventory
        self._patience = patience
        self._asked: concurrent.futures.Future[Found] | None = None

    def read(self) -> Found:
        """What it answers. Raises OSError at once while an earlier question is still without an answer."""
        patience = 0.0 if self._asked is not None else self._patience
        asked = self._asked = self._asked or self._ask()
        try:
            found = asked.result(patience)
        except TimeoutError:
            raise OSError("NVIDIA's driver does not answer") from None
        except Exception:
            self._asked = None
            raise
        self._asked = None
        return found

    def _ask(self) -> concurrent.futures.Future[Found]:
        """A thread of a pool would keep the agent from ending."""
        answer: concurrent.futures.Future[Found] = concurrent.futures.Future()
        threading.Thread(target=self._fill, args=(answer,), name="nvml", daemon=True).start()
        return answer

    def _fill(self, answer: concurrent.futures.Future[Found]) -> None:
        try:
            answer.set_result(self._inventory.read())
        except Exception as error:
            answer.set_exception(error)


def driver_is_loaded(sysfs: Path) -> bool:
    """Whether the kernel has NVIDIA's module."""
    return (sysfs / "module/nvidia").exists()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
