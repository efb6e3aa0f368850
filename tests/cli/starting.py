"""`kohakuriver` at a terminal of its own: a process for each command, forked from one that stands ready.

A start costs a third of a second of the processor, nearly all of it imports, and hundreds are tried.
tests/cli/forking.py says what of a start remains. Tests about the start itself start for real.
"""

import contextlib
import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pexpect import fdpexpect

from tests.cli import forking

PROJECT = Path(__file__).parents[2]


class Command(fdpexpect.fdspawn):
    """A running command, for what `pexpect` does with one."""

    def __init__(self, channel: socket.socket, terminal: int, timeout: float) -> None:
        super().__init__(terminal, encoding="utf-8", timeout=timeout)
        self._channel = channel
        self._code: int | None = None

    def sendintr(self) -> None:
        """Ctrl-C."""
        self.send("\x03")

    def wait(self) -> int:
        """The exit code, negative for a signal, once it has ended. Raises TimeoutError after a minute."""
        if self._code is None:
            self._code = int(self._channel.recv(100))
        return self._code


class Starter:
    """Starts commands, one after another."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._last: Command | None = None

    def __call__(
        self,
        words: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path = PROJECT,
        dimensions: tuple[int, int],
        timeout: float,
    ) -> Command:
        """Starts one at a terminal of so many rows and columns. The one before is hung up."""
        self.end()
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", *dimensions, 0, 0))
        packet = json.dumps({"words": [*words], "environment": {**env}, "folder": str(cwd)}).encode()
        socket.send_fds(self._channel, [packet], [its])
        os.close(its)
        self._last = Command(self._channel, ours, timeout)
        return self._last

    def end(self) -> None:
        """Hangs up, and waits until the last command has ended."""
        if self._last is not None:
            self._last.close()
            self._last.wait()
            self._last = None


@contextlib.contextmanager
def starter() -> Iterator[Starter]:
    """Makes the process that stands ready; it is gone afterwards."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    with ours:
        ours.settimeout(60)
        with its:
            process = subprocess.Popen(
                [sys.executable, "-P", forking.__file__, str(its.fileno())],
                pass_fds=[its.fileno()],
                env=environment,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        with process:
            made = Starter(ours)
            try:
                yield made
                made.end()
            finally:
                process.terminate()
