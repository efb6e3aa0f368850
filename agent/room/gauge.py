"""How much lies below folders of the node: the edge between the watch over the disk and the disk itself."""

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Final, Protocol

_LATE: Final = 10.0  # seconds beyond its time in which a walk still says what it has counted


class CannotMeasure(Exception):
    """A folder could not be opened, or the walk did not end. The message is for a person."""


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """What was counted."""

    size: int  # bytes on the disk
    files: int  # folders and links too
    is_whole: bool = True  # else there is this much at least
    is_too_deep: bool = False  # folders lie too deep in one another to be walked
    seconds: float = 0.0  # that the walk took


class Gauge(Protocol):
    """Counts what lies below folders of this machine."""

    async def measure(self, folders: Sequence[str], *, within: float, most: int) -> Amount:
        """Everything below all of them together, each on its own device; what `within` seconds and `most`
        files allow. Raises CannotMeasure."""
        ...


class Walker:
    """By a program that walks over them, which is killed when it does not end in time."""

    async def measure(self, folders: Sequence[str], *, within: float, most: int) -> Amount:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "kohakuriver.agent.room.tally", str(within), str(most), *folders),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise CannotMeasure(f"its files could not be counted: {error.strerror}") from error
        try:
            async with asyncio.timeout(within + _LATE):
                said, complaint = await process.communicate()
        except TimeoutError as error:
            raise CannotMeasure(
                f"its files could not be counted: the disk gave no answer in {within:g} s"
            ) from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if process.returncode:
            last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
            raise CannotMeasure(f"its files could not be counted: {last[:300]}")
        try:
            return Amount(**json.loads(said))
        except (ValueError, TypeError) as error:
            raise CannotMeasure(
                "its files could not be counted: the program that counts was ended"
            ) from error
