"""NVIDIA's driver without a GPU: nvml.c, compiled once a session, and the file that tells it what is so.

    driver.write(gpu("GPU-a"), gpu("GPU-b", code=LOST))

The library has the soname of the real one, so once it is loaded, nvidia-ml-py finds it and no other.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("nvml.c")
NAME = "libnvidia-ml.so.1"
NOT_SUPPORTED, LOST, MISMATCH = 3, 15, 18  # as nvml.h numbers them
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")


def gpu(
    uuid: str,
    *,
    name: str = "NVIDIA-A100",
    memory: int = 40 << 30,
    bus: str = "00000000:65:00.0",
    code: int = 0,
    memory_code: int = 0,
) -> str:
    """A line of the file."""
    return f"gpu {uuid} {name} {memory} {bus} {code} {memory_code}"


class Driver:
    """The machine's driver, as the library tells of it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, *lines: str, init: int = 0) -> None:
        new = self.file.with_suffix(".new")
        new.write_text("\n".join([f"init {init}", *lines]) + "\n")
        new.replace(self.file)


def compiled(folder: Path) -> Path:
    """The library."""
    library = folder / NAME
    soname = f"-Wl,-soname,{NAME}"
    command = ["gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", soname, "-o", library, SOURCE]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


def load(library: Path) -> None:
    """Take it into this process, where it stays; without $NVML_WORLD it says that there is no driver."""
    ctypes.CDLL(str(library))
