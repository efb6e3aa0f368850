"""One version of KohakuRiver that programs can be started of: a checkout with a .venv in it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

BEFORE, NOW = "before", "now"


@dataclasses.dataclass(frozen=True)
class Version:
    name: str
    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / ".venv" / "bin"

    def command(self, program: str, arguments: Sequence[str]) -> list[str]:
        """How its `apiserver`, `controller` or `agent` is started, without an `up` around it."""
        return [str(self.bin / "kohakuriver"), program, *arguments]
