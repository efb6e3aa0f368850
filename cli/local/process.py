"""Processes by pid and start time: no stranger who got a dead process's pid is taken for it. Linux only."""

import ctypes
import dataclasses
import os
import signal
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """One process: its pid, and when it started: the boot, and the kernel's ticks since then."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it still runs; one that only waits to be collected does not."""
        return identify(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Signal it, and never a stranger: the handle is taken first, and then looked at."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def wait_gone(self, seconds: float) -> bool:
        """Whether it ended within so long."""
        for _ in range(max(1, int(seconds / 0.05))):
            if not self.alive:
                return True
            time.sleep(0.05)
        return not self.alive

    def end(self, grace: float) -> None:
        """Ask it to end, and make it after `grace` seconds."""
        self.send(signal.SIGTERM)
        if not self.wait_gone(grace):
            self.send(signal.SIGKILL)
            self.wait_gone(5.0)


def identify(pid: int) -> Process | None:
    """The process that has this pid now."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(")") + 2 :].split()  # the name before it may hold anything
    return None if fields[0] in "ZX" else Process(pid, f"{boot}/{fields[19]}")


def title(pid: int) -> str:
    """What a process is, for a person: its program's name."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return f"process {pid}"
    line = " ".join([Path(words[0]).name, *words[1:]]).strip()
    return f"process {pid} ({line[:60]}{'…' if len(line) > 60 else ''})" if line else f"process {pid}"


class DieWithParent:
    """For a child, between fork and exec: the kernel ends it when this process dies, however it dies."""

    def __init__(self) -> None:
        self._prctl = ctypes.CDLL(None).prctl  # looked up here: little is safe after a fork
        self._parent = os.getpid()

    def __call__(self) -> None:
        self._prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._parent:  # it died before the line above
            os._exit(1)
