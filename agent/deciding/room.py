"""How much of the node's disk a VPS may take: its limit, what is measured next, and what follows. Pure.

Measuring is a walk over every file, so it is done seldom. Between two walks nobody can have grown by more
than what the disk has lost meanwhile, which costs nothing to know: whoever could have used up half of what
was left to him by that is measured at once. room/watch.py asks, measures and acts.
"""

import dataclasses
from collections.abc import Iterable
from typing import Final

from kohakuriver import quantity

PER_FILE: Final = 16 * 1024  # bytes: a limit allows one file for each of these, as ext4 makes its inodes
LEAST_FILES: Final = 10_000  # that every limit allows: images with package managers write some
FUSE: Final = 0.5  # of the disk, for a VPS of which nobody has said anything
NEAR: Final = 0.8  # of the limit: told from here on
FAR: Final = 0.7  # of the limit: below it, what was told may be told again
FASTEST: Final = 20_000_000  # bytes a second that a VPS is expected to write at most
FASTEST_FILES: Final = 2_000  # the same in files
SHORTEST: Final = 15.0  # seconds between two walks, where the disk loses little
LONGEST: Final = 600.0  # seconds
EACH: Final = 1.0  # seconds of it for each VPS: to start the program that walks costs more than a short walk
AT_ONCE: Final = 5.0  # seconds that lie between them at least
REST: Final = 10  # times as long as a walk took, nothing of that VPS is walked again
MOST_REST: Final = 300.0  # seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """What a VPS may take."""

    size: int  # bytes
    is_own: bool  # by its spec; else by its node's default
    is_fuse: bool = False  # that nobody has set: it counts while the disk is short

    @property
    def files(self) -> int:
        """How many files and folders."""
        return max(LEAST_FILES, self.size // PER_FILE)


@dataclasses.dataclass(frozen=True, slots=True)
class Free:
    """What is left on the disk."""

    size: int  # bytes
    files: int  # inodes; 0 where they are made as it goes
    is_short: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """One walk over what a VPS has written."""

    at: float  # when it ended
    took: float  # seconds
    size: int  # bytes on the disk
    files: int
    free: Free  # before it began
    is_whole: bool = True  # else it was ended early: it is this much at least
    is_too_deep: bool = False  # folders in one another beyond what can be walked
    is_carried: bool = False  # some of it lies in layers of its image, where nothing is freed any more


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """A VPS that has a limit, and what is known of it."""

    uid: str
    limit: Limit
    reading: Reading | None = None
    is_asked: bool = False  # it was stopped for its disk, and somebody has asked for it since
    not_before: float = 0.0  # the last try failed


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """A VPS that was stopped for its disk: it stays so until there is less, or it may have more."""

    why: str  # for a person
    asked: tuple[int, str]  # the generation of its spec and the request to restart that this is the answer to


def limit(declared: int | None, default: float | None, total: int) -> Limit | None:
    """The limit of one VPS, in bytes as it says or by the node's default: a share of its disk (up to 1),
    bytes, or 0 for none; None is half of the disk, as a fuse."""
    if declared is not None:
        return Limit(declared, is_own=True)
    if default is None:
        return Limit(int(FUSE * total), is_own=False, is_fuse=True)
    size = int(default * total) if default <= 1 else int(default)
    return Limit(size, is_own=False) if size > 0 else None


def next_to_measure(standings: Iterable[Standing], free: Free, now: float) -> Standing | None:
    """Whose files are to be counted now; None while nobody's are. The fullest goes first, by what he may have
    taken meanwhile."""
    known = list(standings)
    due = [one for one in known if now >= _due(one, free, shortest=max(SHORTEST, EACH * len(known)))]
    return max(due, key=lambda one: (one.is_asked, one.reading is None, _fullness(one, free)), default=None)


def is_over(limit: Limit, reading: Reading) -> bool:
    """Whether it has taken more than it may; by a fuse nobody has while there is room for all."""
    if limit.is_fuse and not reading.free.is_short:
        return False
    return reading.size > limit.size or reading.files > limit.files or reading.is_too_deep


def share(limit: Limit, reading: Reading) -> float:
    """How full it is: 1 at its limit, of bytes or of files."""
    return max(reading.size / limit.size, reading.files / limit.files)


def used_words(limit: Limit, reading: Reading) -> str:
    """What it has taken, of what it may, for a person."""
    least = "" if reading.is_whole else "at least "
    whose = "spec.resources.disk" if limit.is_own else "the default of its node"
    if reading.is_too_deep:
        return "its folders lie in one another more than 2,000 deep, where files cannot be counted"
    if reading.files / limit.files > reading.size / limit.size:
        return (
            f"it has {least}{reading.files:,} files, and {whose} allows {limit.files:,} "
            f"(one for each 16 KiB of {quantity.approximate_size(limit.size)})"
        )
    used = quantity.approximate_size(reading.size)
    return f"its files take {least}{used} of disk, and {whose} allows {quantity.approximate_size(limit.size)}"


def why_stopped(limit: Limit, reading: Reading, *, name: str, namespace: str) -> str:
    """What happened to it, and what its owner can do, for its status."""
    elsewhere = "" if namespace == "default" else f" -n {namespace}"
    restart = f"kohakuriver vps restart {name}{elsewhere}"
    said = f"{used_words(limit, reading)}: it was stopped so that the disk of its node does not fill"
    if reading.is_too_deep:
        return f"{said}; `{restart} --replace-files` begins anew from its image, and gives its files up"
    return (
        f"{said}. Its files are kept. Raise spec.resources.disk (kohakuriver edit vps {name}{elsewhere}): it "
        f"starts again, and what it does not need can be deleted{_of_carried(reading)}. "
        f"Where it takes less by now: {restart}"
    )


def near_words(limit: Limit, reading: Reading) -> str:
    """A warning, for an Event."""
    when = "when it has more it is stopped"
    if limit.is_fuse:
        when = "it may be stopped while the disk of its node is nearly full"
    return (
        f"{used_words(limit, reading)}: {when}. Delete what it does not need"
        f"{_of_carried(reading)}, or raise spec.resources.disk"
    )


def _of_carried(reading: Reading) -> str:
    if not reading.is_carried:
        return ""
    return " (of files from before its container was last made anew this frees no room)"


def _due(one: Standing, free: Free, *, shortest: float) -> float:
    """When its files are to be counted next; after `shortest` seconds at least where nothing is urgent."""
    last = one.reading
    if last is None or one.is_asked:
        return one.not_before
    rest = max(AT_ONCE, min(MOST_REST, REST * last.took))
    earliest = max(one.not_before, last.at + rest)
    if one.limit.is_fuse and not free.is_short and share(one.limit, last) >= 1:
        return max(earliest, last.at + LONGEST)  # nothing follows from it now
    left, left_files = one.limit.size - last.size, one.limit.files - last.files
    lost, lost_files = _lost(last, free)
    if free.is_short or 2 * lost >= left or 2 * lost_files >= left_files:
        return earliest
    quiet = min(left / FASTEST, left_files / FASTEST_FILES)
    return max(earliest, last.at + max(shortest, min(LONGEST, quiet)))


def _lost(last: Reading, free: Free) -> tuple[int, int]:
    """What the disk has lost since, in bytes and files."""
    return max(0, last.free.size - free.size), max(0, last.free.files - free.files)


def _fullness(one: Standing, free: Free) -> float:
    if one.reading is None:
        return 0.0
    lost, lost_files = _lost(one.reading, free)
    return max(
        (one.reading.size + lost) / one.limit.size,
        (one.reading.files + lost_files) / one.limit.files,
    )
