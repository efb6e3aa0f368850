"""What the agent tells of a file or folder. Pure."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link. Of a list only some of it is known."""

    name: str
    kind: str  # file, folder, link or other
    size: int = 0
    mode: int = 0
    mtime: int = 0
    version: str = ""  # for equality only
    path: str = ""
    leads: str = ""  # of a link in a list: what it leads to

    @classmethod
    def of(cls, found: dict[str, Any]) -> "Entry":
        path = str(found.get("path") or "")
        return cls(
            name=str(found.get("name") or path.rpartition("/")[2]),
            kind=str(found.get("kind") or "other"),
            size=int(found.get("size") or 0),
            mode=int(found.get("mode") or 0),
            mtime=int(found.get("mtime") or 0),
            version=str(found.get("version") or ""),
            path=path,
            leads=str(found.get("leads") or ""),
        )

    @property
    def is_folder(self) -> bool:
        """Whether it can be looked into."""
        return self.kind == "folder" or self.leads == "folder"
