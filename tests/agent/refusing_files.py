"""A disk that can be told to refuse, to be full for one."""

import os
from pathlib import Path

from kohakuriver.agent.data_dir import PrivateFiles


class RefusingFiles(PrivateFiles):
    """Real files; `refuses` is the number of the error that every change of them ends with, 0 for none."""

    def __init__(self) -> None:
        self.refuses = 0
        self.refused = 0

    def prepare(self) -> None:
        self._judge(Path("reserve"))

    def write(self, path: Path, content: str | bytes) -> None:
        self._judge(path)
        super().write(path, content)

    def remove(self, path: Path) -> None:
        self._judge(path)
        super().remove(path)

    def _judge(self, path: Path) -> None:
        if self.refuses:
            self.refused += 1
            raise OSError(self.refuses, os.strerror(self.refuses), str(path))
