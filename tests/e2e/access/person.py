"""Somebody at a terminal: a command under a real PTY, its screen read as eyes would read it."""

import copy
import itertools
import os
import re
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pyte

from tests.e2e.conftest import PATIENCE, Cluster

_MARKS = itertools.count(1000)


class Eyes(pyte.Screen):
    """pyte's screen, which trips over colours that vim asks xterm for, and goes back to a place only once.

    Then it was in the corner, and told busybox' shell `ESC [ 1 ; 5 R`. That takes it for the beginning of an
    unknown key, and drops ten characters of what is typed behind it.
    """

    def restore_cursor(self) -> None:
        saved = self.savepoints[-1:]
        super().restore_cursor()
        self.savepoints[:] = saved  # a terminal goes back as often as it is told to
        self.cursor = copy.copy(self.cursor)

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attributes)


class Person:
    """One command on a terminal of so many rows and columns."""

    def __init__(
        self, cluster: Cluster, *words: str, rows: int = 24, cols: int = 80, config: Path | None = None
    ) -> None:
        self.screen = Eyes(cols, rows)
        self.are_eyes_shut = False  # reading with them takes longer than most terminals do
        self._eyes = pyte.ByteStream(self.screen)
        environment = cluster.environment(TERM="xterm-256color")
        if config is not None:
            environment["KOHAKURIVER_CONFIG"] = str(config)
        self.child: Any = pexpect.spawn(
            str(cluster.bin / "kohakuriver"),
            list(words),
            env=environment,
            dimensions=(rows, cols),
            timeout=30,
            maxread=1 << 16,
        )
        self.child.delaybeforesend = None
        self.child.logfile_read = self
        self.screen.write_process_input = self.type  # a terminal answers when it is asked where its cursor is
        self.came = 0  # bytes
        self.before = self._modes()

    def write(self, data: bytes) -> None:
        """What pexpect has read."""
        self.came += len(data)
        if not self.are_eyes_shut:
            self._eyes.feed(data)

    def flush(self) -> None:
        """pexpect asks for it."""

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, keys: str | bytes) -> None:
        self.child.send(keys)

    def sees(self, pattern: str, *, within: float = PATIENCE) -> "re.Match[bytes]":
        """Waits until that comes; what came before is read and done with."""
        self.child.expect(pattern.encode(), timeout=within)
        return self.child.match

    def ask(self, command: str, *, within: float = PATIENCE) -> str:
        """What a shell command prints, between marks that the echo of it does not have."""
        mark = next(_MARKS)
        self.type(f"echo '<<''{mark}'; {command}; echo '>>''{mark}'\r")
        self.sees(rf"<<{mark}\r\n", within=within)
        found = self.sees(rf"(?s)(.*?)>>{mark}\r\n", within=within).group(1)
        return found.decode(errors="replace").replace("\r", "")

    def resize(self, rows: int, cols: int) -> None:
        self.screen.resize(rows, cols)
        self.child.setwinsize(rows, cols)

    def prompt(self) -> None:
        self.sees(r"[#$] (?:\x1b\[[0-9;?]*[A-Za-z])*$")

    def leaves(self, *, within: float = PATIENCE) -> int:
        """The exit code, once the command has ended by itself; its terminal must be as it was."""
        self.child.expect(pexpect.EOF, timeout=within)
        self.child.wait()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus

    def looks(self, *, seconds: float) -> None:
        """Read what comes for so long."""
        self.child.expect([pexpect.TIMEOUT], timeout=seconds)

    def is_tty_restored(self) -> bool:
        """Whether the terminal is as it was before the command: asked while its other end is open."""
        return self._modes() == self.before

    def _modes(self) -> list[Any]:
        return termios.tcgetattr(self.child.child_fd)[:4]

    def dies(self) -> None:
        """Killed, as by a crash of its terminal."""
        os.kill(self.child.pid, signal.SIGKILL)


@contextmanager
def person(cluster: Cluster, *words: str, **keywords: Any) -> Iterator[Person]:
    """Somebody who is gone in the end, whatever happens."""
    one = Person(cluster, *words, **keywords)
    try:
        yield one
    finally:
        one.child.close(force=True)
