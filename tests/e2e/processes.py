"""One program of a test: started, killed as a power cut would, frozen and thawed. Never signals a stranger.

The kernel ends what runs here when the test run itself dies. Linux only.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

STOPS_WITHIN = 20.0  # seconds from SIGTERM until it is killed


@dataclasses.dataclass
class Process:
    """A program that can be hurt. What it says goes to `log`."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    _running: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        assert self._running is not None, f"{self.name} has not been started"
        return self._running.pid

    @property
    def is_alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._running.poll() if self._running is not None else None

    def start(self) -> None:
        assert not self.is_alive, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                ["setpriv", "--pdeathsig", "SIGKILL", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def kill(self) -> None:
        """As a power cut would: nothing is said goodbye to."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError):
                self._running.kill()
            self._running.wait()
            self._running = None

    def stop(self) -> None:
        """As an operator would."""
        if self.is_alive:
            self.thaw()
            assert self._running is not None
            self._running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(STOPS_WITHIN)
        self.kill()

    def abort(self) -> None:
        """It ends at once, and with PYTHONFAULTHANDLER says where each of its threads was."""
        self.thaw()
        if self.is_alive:
            os.kill(self.pid, signal.SIGABRT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert self._running is not None
                self._running.wait(STOPS_WITHIN)

    def freeze(self) -> None:
        """It stands still; its sockets stay open and the kernel goes on accepting."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.is_alive:
            os.kill(self.pid, signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """The time of a core that it has used since it was started."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tail(self, lines: int = 25, *, without: str = "\n") -> str:
        """The end of what it said, but for lines with that in them."""
        said = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([line for line in said if without not in line][-lines:])
