"""Mounts: which folders of a node its administrator lets VPSes see. The longest prefix decides. Pure."""

import dataclasses
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any, Final

_READ_ONLY: Final = ":ro"


@dataclasses.dataclass(frozen=True, slots=True)
class Mount:
    """A folder of the node that a VPS wants to see."""

    path: str
    read_only: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class AllowedMount:
    """A folder of the node that VPSes may mount, with everything below it."""

    prefix: str
    read_only: bool = False

    @classmethod
    def parse(cls, text: str) -> "AllowedMount":
        """From `/data` or `/data:ro`. Raises ValueError."""
        path = text.removesuffix(_READ_ONLY)
        if not path.startswith("/") or posixpath.normpath(path) != path or path.startswith("//"):
            raise ValueError(
                f'"{text}" is not a folder to allow: write an absolute path, such as /data or /data:ro'
            )
        return cls(path, text.endswith(_READ_ONLY))

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "AllowedMount":
        """As it stands in a Node's status."""
        return cls(entry["prefix"], bool(entry.get("readOnly")))

    def written(self) -> dict[str, object]:
        """As it stands in a Node's status."""
        return {"prefix": self.prefix, "readOnly": self.read_only}

    def covers(self, path: str) -> bool:
        """Whether this is the folder, or one above it."""
        return path == self.prefix or path.startswith(self.prefix.rstrip("/") + "/")


Allowed = tuple[AllowedMount, ...]


def prefix_of(path: str, allowed: Iterable[AllowedMount]) -> AllowedMount | None:
    """The prefix that decides about this folder: the longest that covers it."""
    covering = [one for one in allowed if one.covers(path)]
    return max(covering, key=lambda one: len(one.prefix), default=None)


def is_allowed(path: str, allowed: Iterable[AllowedMount], *, read_only: bool) -> bool:
    """Whether this folder may be mounted so."""
    prefix = prefix_of(path, allowed)
    return prefix is not None and (read_only or not prefix.read_only)
