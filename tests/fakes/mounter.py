"""Keeps what would be mounted; for tests."""

from pathlib import Path


class FakeMounter:
    """Keeps what would be mounted; for tests."""

    def __init__(self) -> None:
        self.bound: dict[str, str] = {}  # target -> the path of what was opened
        self.seen: dict[str, str] = {}  # all that ever was

    def bind(self, descriptor: int, target: str, *, whole: bool) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        self.bound[target] = self.seen[target] = path

    def unbind(self, target: str) -> None:
        self.bound.pop(target, None)
