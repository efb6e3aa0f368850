"""What a VPS sees of its node's disks: mounts of the node's own folders, and volumes made for it.

Part of the VPS model. Whether a mount is allowed is the node's to say, and the user's role's.
"""

import enum
import posixpath
from typing import Annotated

import pydantic

from kohakuriver.resources import meta


class ReclaimPolicy(enum.StrEnum):
    """What becomes of a volume when its VPS is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


def _absolute(path: str) -> str:
    if "\0" in path or not path.startswith("/") or posixpath.normpath(path) != path or path[:2] == "//":
        raise ValueError("write an absolute path without '.', '..', '//' or a slash at its end")
    return path


def _inside(path: str) -> str:
    if path == "/":
        raise ValueError("the root of the container is its image: name a folder in it")
    if path == "/proc" or path.startswith("/proc/"):
        raise ValueError("what lies in /proc is the kernel's: name a folder elsewhere")
    return path


_Path = Annotated[str, pydantic.Field(max_length=4096), pydantic.AfterValidator(_absolute)]
Target = Annotated[_Path, pydantic.AfterValidator(_inside)]


class Mount(meta.Model):
    """A folder or file of the node, seen in the container."""

    source: _Path
    """The path on the node, below a prefix that the node allows (`kohakuriver agent --allow-mount`)."""
    target: Target
    """The path in the container."""
    read_only: bool = False
    """Whether the container may not write to it."""


class Volume(meta.Model):
    """Files kept apart from the container, by the engine of the node it is on."""

    name: Annotated[str, pydantic.Field(pattern=meta.NAME_PATTERN, max_length=40)]
    """Unique in this VPS; the volume's own name carries cluster, namespace and VPS too."""
    target: Target
    """The path in the container. Cannot be changed while the VPS is bound to a node."""
    reclaim_policy: ReclaimPolicy = pydantic.Field(default=ReclaimPolicy.RETAIN, strict=False)
    """Retain keeps the files when the VPS is deleted, for a VPS of the same name; Delete removes them."""


def doubled(words: list[str]) -> str:
    """A word that stands there twice; empty if there is none."""
    seen = set[str]()
    for word in words:
        if word in seen:
            return word
        seen.add(word)
    return ""
