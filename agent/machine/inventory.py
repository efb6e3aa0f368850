"""Where GPUs are looked up on this machine: NVIDIA's driver, or a file that stands in for it in tests.

Chosen once, when the agent starts; gpus.py asks again and again. A machine without a driver has no GPUs; one
with a driver that cannot be asked says so.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from kohakuriver import errors, quantity
from kohakuriver.agent.machine.gpus import GPU, Found, Inventory
from kohakuriver.agent.machine.nvml import NVML, Patient, driver_is_loaded


def inventory(file: Path | None, *, sysfs: Path) -> Inventory:
    """Where to look on this machine. Raises ConfigError for a file that is not one."""
    if file is not None:
        return _from_file(file)
    if importlib.util.find_spec("pynvml") is None:
        return WithoutLibrary(sysfs)
    return Patient(NVML(importlib.import_module("pynvml"), sysfs))


class FileInventory:
    """A JSON list of objects with the fields of `Node.status.gpus`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Found:
        try:
            return tuple(_from_json(one) for one in json.loads(self._file.read_text()))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._file} is not a list of GPUs with index and uuid: {error}") from error


class WithoutLibrary:
    """An installation without nvidia-ml-py: there are none, or nobody can tell."""

    def __init__(self, sysfs: Path) -> None:
        self._sysfs = sysfs

    def read(self) -> Found:
        if driver_is_loaded(self._sysfs):
            raise OSError(
                "NVIDIA's driver is loaded, and this agent is installed without the package that asks it: "
                f"{sys.executable} -m pip install nvidia-ml-py, then start the agent again"
            )
        return ()


def _from_file(file: Path) -> Inventory:
    found = FileInventory(file)
    try:
        found.read()
    except (OSError, ValueError) as error:
        raise errors.ConfigError(
            f"--gpu-inventory: {error}",
            hint='write a list such as [{"index": 0, "uuid": "GPU-0", "model": "A100", "numa": 0}]',
        ) from error
    return found


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
