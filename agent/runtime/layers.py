"""Where on the machine the layers of a container lie: what was written in it, and what lies beneath.

An engine with a storage driver of its own says so. One that keeps its images in containerd's store (Docker
29, where it is new) does not: there the kernel is asked, which has the container's files mounted while it
runs, at a folder named after it. What was seen so is remembered for when it is stopped; an agent that has
only seen it stopped does not know. Reads the agent's own list of mounts, which nothing in a container can
change, and never one of a container's.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kohakuriver.agent.runtime.errors import EngineRefused

MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Layers:
    """The layers of one engine's containers. Used from many threads."""

    def __init__(self, mounts: Path = MOUNTS) -> None:
        self._mounts = mounts
        self._seen: dict[str, tuple[str, ...]] = {}

    def of(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """By the answer of an inspect: what was written in it first, then what lies beneath, from the top.
        Raises EngineRefused where that is not to be known."""
        driver = body.get("GraphDriver") or {}
        data = driver.get("Data") or {}
        if data.get("UpperDir"):
            return str(data["UpperDir"]), *str(data.get("LowerDir") or "").split(":")
        found = mounted(self._mounts.read_text(errors="replace"), body["Id"])
        if found:
            self._seen[body["Id"]] = found
        seen = self._seen.get(body["Id"])
        if seen is None:
            name = driver.get("Name") or body.get("Driver") or ""
            raise EngineRefused(
                f"its storage driver {name} does not say where the files of a container lie, and they are "
                "not to be seen among the mounts of this machine",
                hint="limits of disk need the storage driver overlay2, or containerd's overlayfs with the "
                "agent among the engine's own mounts",
            )
        return seen

    def forget(self, container_id: str) -> None:
        """It is gone."""
        self._seen.pop(container_id, None)


def mounted(mounts: str, container_id: str) -> tuple[str, ...]:
    """The layers of the overlay at a folder named after the container, by /proc/PID/mountinfo; none where
    there is none, or where two of that name differ, so that one of them is not the engine's."""
    found: set[tuple[str, ...]] = set()
    for line in mounts.splitlines():
        fields, dash, kind = line.partition(" - ")
        where = fields.split(" ")[4:5]
        if not dash or not where or where[0].rpartition("/")[2] != container_id:
            continue
        filesystem, _, options = [*kind.split(" ", 2), "", ""][:3]
        if filesystem == "overlay" and (layers := _layers(options)):
            found.add(layers)
    return found.pop() if len(found) == 1 else ()


def _layers(options: str) -> tuple[str, ...]:
    upper, lower = "", list[str]()
    for option in options.split(","):
        name, _, value = option.partition("=")
        if name == "upperdir":
            upper = _plain(value)
        elif name in ("lowerdir", "lowerdir+"):
            lower += [_plain(one) for one in value.split(":")]
    if not upper:
        return ()
    home = Path(upper).parent.parent  # long lists of layers are written from there
    return upper, *(str(home / one) for one in lower)


def _plain(path: str) -> str:
    """As the kernel has it: it writes blanks and the like in octal."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), path)
