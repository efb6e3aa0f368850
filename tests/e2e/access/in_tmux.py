"""A program in a window of this machine's tmux: a terminal that is not ours, and answers as terminals do."""

import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tests.e2e.conftest import PATIENCE


class InTmux:
    """Use as a context; the program is ended with it, and its tmux too."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        self._tmux = ["tmux", "-L", f"kohakuriver-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
        self._environment = {**environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self._do("new-session", "-d", "-x", "80", "-y", "24", *command)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do("kill-server", check=False)

    @property
    def text(self) -> str:
        """What is on the screen now."""
        return self._do("capture-pane", "-p", check=False)

    def type(self, text: str) -> None:
        self._do("send-keys", "-l", text)

    def until(self, wanted: str, *, within: float = PATIENCE) -> None:
        """Until that text is on the screen."""
        ends = time.monotonic() + within
        while wanted not in (text := self.text):
            assert time.monotonic() < ends, f"{wanted!r} is not on the screen after {within} s:\n{text}"
            time.sleep(0.1)

    def until_ended(self, *, within: float = PATIENCE) -> None:
        """Until the program has ended, and tmux with it."""
        ends = time.monotonic() + within
        while subprocess.run([*self._tmux, "has-session"], capture_output=True, check=False).returncode == 0:
            assert time.monotonic() < ends, f"it has not ended after {within} s:\n{self.text}"
            time.sleep(0.1)

    def _do(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self._tmux, *words], env=self._environment, capture_output=True, text=True, check=check
        )
        return done.stdout
