"""How long the logs below a data directory may get. Programs write at the end of theirs (O_APPEND), so one
can be emptied under the program that writes it.
"""

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import IO

LONGEST = 20_000_000  # bytes; twice as much is kept, as the end of what was there before lies beside it


@dataclasses.dataclass(frozen=True)
class LogRule:
    """How long a log may be, how often that is looked at, and which logs there are beside the programs'."""

    longest: int = LONGEST
    every: float = 10.0  # seconds: what is written between two looks comes on top
    beside: tuple[Path, ...] = ()


def opened(log: Path) -> IO[bytes]:
    """To write at its end; it is its owner's alone, since it names what people run."""
    file = log.open("ab")
    os.fchmod(file.fileno(), 0o600)
    return file


def set_aside(log: Path, *, longest: int = LONGEST) -> None:
    """Before its program starts: keep one older log beside the new one."""
    if log.exists() and log.stat().st_size > longest:
        log.replace(_older(log))


def shorten(log: Path, *, longest: int = LONGEST) -> None:
    """While its program runs: keep the end of a log that is too long beside it, and empty it. A line that is
    written in between is lost. Where the end cannot be kept, room is worth more than old lines."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size <= longest:
            return
        try:
            with log.open("rb") as file:
                file.seek(-longest, os.SEEK_END)
                _older(log).touch(mode=0o600)
                _older(log).write_bytes(file.read(longest))
        except OSError:
            with contextlib.suppress(OSError):
                _older(log).unlink()
        os.truncate(log, 0)


def _older(log: Path) -> Path:
    return log.with_suffix(".log.1")
