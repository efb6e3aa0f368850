"""What SRC and DST of `cp` mean: a path here, or one in a VPS. Pure."""

import dataclasses
import re
import shlex

from kohakuriver.cli import failures

_REMOTE = re.compile(r"(?:vps/)?([a-z0-9][-.a-z0-9]*):(.*)", re.DOTALL)
_NAMED = re.compile(r"([a-z0-9][-a-z0-9]*)(/.*)?", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """`vps` is "" for this machine."""

    path: str
    vps: str = ""

    @property
    def name(self) -> str:
        """The last name; "" where what is in it is meant, as in `folder/.`"""
        name = self.path.rstrip("/").rpartition("/")[2]
        return "" if name in (".", "..") else name

    @property
    def wants_folder(self) -> bool:
        """Whether it is written as a folder."""
        return self.path.endswith("/")

    def __str__(self) -> str:
        return f"{self.vps}:{self.path}" if self.vps else self.path


def parse(word: str) -> Place:
    """`NAME:PATH` is in a VPS; a slash before the colon makes it a path here."""
    found = _REMOTE.fullmatch(word)
    if found is None:
        if not word:
            raise failures.UsageError("a path is empty", hint="kohakuriver cp SRC DST")
        return Place(word)
    return Place(found[2] or ".", found[1])


def pair(source: str, target: str) -> tuple[Place, Place]:
    """Both, of which exactly one is in a VPS. Raises UsageError."""
    one, other = parse(source), parse(target)
    if (other if one.vps else one).path == "-":
        reads = "read one: kohakuriver exec {} -- cat PATH"
        writes = "write one: kohakuriver exec {} -i -- sh -c 'cat >PATH'"
        hint = (reads if one.vps else writes).format(one.vps or other.vps or "NAME")
        raise failures.UsageError("cp copies files and no streams", hint=hint)
    if one.vps and other.vps:
        raise failures.UsageError(
            "both paths are in VPSes", hint="copy to this machine first, and from here to the other"
        )
    if not one.vps and not other.vps:
        meant = shlex.join(["kohakuriver", "cp", *_meant(source, target)])
        raise failures.UsageError(
            "neither path is in a VPS", hint=f"write NAME:PATH for one that is: {meant}"
        )
    return one, other


def _meant(source: str, target: str) -> tuple[str, str]:
    """With a colon behind what reads as the name of a VPS: `lab` and `lab/root`."""
    if found := _NAMED.fullmatch(target):
        return source, f"{found[1]}:{found[2] or ''}"
    if found := _NAMED.fullmatch(source):
        return f"{found[1]}:{found[2] or ''}", target
    return source, "NAME:"


def inside(folder: str, name: str) -> str:
    """The path of that name in the folder."""
    return f"{folder.rstrip('/')}/{name}" if name else folder
