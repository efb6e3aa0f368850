"""A program on a terminal whose screen can be read: a person with eyes and fingers."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import pexpect

from kohakuriver.cli.tui.ide.terminal.screen import Screen
from tests.e2e.conftest import PATIENCE


class OnScreen:
    """Use as a context; the program is ended with it."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], rows: int = 24, columns: int = 80
    ) -> None:
        self._screen = Screen(columns, rows, answer=self._answer)
        self.child = pexpect.spawn(
            command[0],
            list(command[1:]),
            env={**environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            dimensions=(rows, columns),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.close(force=True)

    @property
    def text(self) -> str:
        """What is on the screen now."""
        self._look(0.05)
        return "\n".join(self._screen.display)

    def type(self, text: str) -> None:
        self.child.send(text)

    def until(self, wanted: str, *, within: float = PATIENCE) -> None:
        """Until that text is on the screen."""
        self._until(lambda: wanted in self.text, f"{wanted!r} is not on the screen", within)

    def until_gone(self, unwanted: str, *, within: float = PATIENCE) -> None:
        self._until(lambda: unwanted not in self.text, f"{unwanted!r} is on the screen still", within)

    def exit_code(self, *, within: float = PATIENCE) -> int:
        """How it ended, once it has."""
        ends = time.monotonic() + within
        while self.child.isalive():
            assert time.monotonic() < ends, f"it has not ended:\n{self.text}"
            self._look(0.1)
        return int(self.child.exitstatus if self.child.exitstatus is not None else -1)

    def _until(self, question, words: str, within: float) -> None:
        ends = time.monotonic() + within
        while not question():
            assert time.monotonic() < ends, f"{words} after {within} s:\n{self.text}"

    def _look(self, within: float) -> None:
        ends = time.monotonic() + within
        while True:
            try:
                self._screen.feed(
                    self.child.read_nonblocking(1 << 16, timeout=max(0.0, ends - time.monotonic()))
                )
            except (pexpect.TIMEOUT, pexpect.EOF):
                return

    def _answer(self, text: str) -> None:
        self.child.send(text)
