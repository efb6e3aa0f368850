"""The lxcfs of this machine, and what containers see of it. Below shown.py of the agent, which says when.

lxcfs may hang, and whoever asks it hangs with it. So it is asked by processes that are left behind when they
do not answer in time; while one of them is still there no other is started. /proc/PID/mountinfo is the
kernel's own, and tells without asking.
"""

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from kohakuriver import errors
from kohakuriver.agent.deciding import shown
from kohakuriver.agent.machine import mount_inside
from kohakuriver.agent.machine.inside import opened
from kohakuriver.agent.runtime.base import Container
from kohakuriver.agent.runtime.belonging import PROC

FOLDER: Final = Path("/var/lib/lxcfs")  # where Debian's and Ubuntu's unit has it
_ANSWER, _MOUNT, _END = 2.0, 5.0, 1.0  # seconds


class LxcfsFailed(Exception):
    """It did not do what it was asked, in words."""


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What one container sees."""

    files: Mapping[str, str]  # of lxcfs, and the device of the one
    needs_uptime: bool = False  # whether it ends where it cannot read the kernel's own


class Lxcfs(Protocol):
    """Blocks, for some seconds at most."""

    def serves(self) -> str:
        """The device of the one that answers; "" where none does."""
        ...

    def views(self, containers: Iterable[Container]) -> Mapping[str, View]:
        """What these see, by their ids, without those that have ended."""
        ...

    def apply(self, container: Container, change: shown.Change, device: str) -> None:
        """Lay over and take off. Raises LxcfsFailed."""
        ...


class KernelLxcfs:
    """Of this machine. The agent has to be root."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._late: subprocess.Popen[bytes] | None = None

    def serves(self) -> str:
        with contextlib.suppress(OSError, LxcfsFailed):
            text = (PROC / "self/mountinfo").read_text(errors="replace")
            device = shown.mounts(text).get(str(self._folder), "")
            if device:
                self._check_answers()
                self._run(["cat", str(self._folder / "proc/meminfo")], within=_ANSWER)
            return device
        return ""

    def views(self, containers: Iterable[Container]) -> Mapping[str, View]:
        found = {}
        for container in containers:
            with contextlib.suppress(OSError, errors.KohakuRiverError):
                with opened(container, "mountinfo") as descriptor:
                    text = Path(f"/proc/self/fd/{descriptor}").read_text(errors="replace")
                main = (PROC / str(container.pid) / "cmdline").read_bytes()
                found[container.id] = View(shown.mounts(text), needs_uptime=shown.reads_uptime(main))
        return found

    def apply(self, container: Container, change: shown.Change, device: str) -> None:
        if change.over:
            self._check_answers()
        files = [f"-{file}" for file in change.off] + [f"+{file}" for file in change.over]
        try:
            with opened(container, "ns/mnt") as namespace:
                program = [sys.executable, "-I", "-S", str(mount_inside.__file__)]
                words = [*program, str(namespace), str(self._folder), device, *files]
                self._run(words, within=_MOUNT, descriptors=(namespace,))
        except errors.Conflict:
            return  # it has just ended
        except OSError as error:
            raise LxcfsFailed(error.strerror or str(error)) from error

    def _run(self, words: list[str], *, within: float, descriptors: tuple[int, ...] = ()) -> None:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
        )
        try:
            _, said = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            self._leave(process)
            raise LxcfsFailed(f"lxcfs did not answer within {within:g} s") from None
        if process.returncode != 0:
            raise LxcfsFailed(said.decode(errors="replace").strip() or f"exit code {process.returncode}")

    def _check_answers(self) -> None:
        if self._late is not None and self._late.poll() is None:
            raise LxcfsFailed("lxcfs has not answered an earlier question yet")

    def _leave(self, process: "subprocess.Popen[bytes]") -> None:
        """One that waits for lxcfs inside the kernel may not even be killed."""
        assert process.stderr is not None  # noqa: S101 - it was asked for
        process.stderr.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END)
        self._late = process if process.returncode is None else None
