"""What of a container's own files an image of them does not hold: the edge between work.py and scan.py.

An engine makes a layer of what was written in a container, without sockets; and engines with a storage driver
of their own keep of the extended attributes only the capabilities of programs, and no ACLs.
"""

import asyncio
import contextlib
import dataclasses
import json
import sys
from typing import Final, Protocol

WITHIN: Final = 60.0  # seconds
_LATE: Final = 5.0
_WHOLE: Final = ("overlayfs",)  # the driver by which containerd keeps images, with all attributes


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    """What is not in the image."""

    sockets: tuple[str, ...] = ()  # the first ones
    sockets_in_all: int = 0
    attributes: int = 0  # files with extended attributes or ACLs that are not kept
    first: str = ""  # of them


class Losses(Protocol):
    """Looks through what was written in a container."""

    async def find(self, folder: str, *, driver: str) -> Lost:
        """What an engine with this storage driver would lose of the folder; as far as can be told."""
        ...


class Scanner:
    """By a program that walks over it, and is killed when it does not end in time."""

    async def find(self, folder: str, *, driver: str) -> Lost:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kohakuriver.agent.snapshots.scan", str(WITHIN), folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return Lost()
        try:
            async with asyncio.timeout(WITHIN + _LATE):
                said, _ = await process.communicate()
            found = Lost(**{**json.loads(said), "sockets": tuple(json.loads(said)["sockets"])})
        except (TimeoutError, ValueError, TypeError, LookupError):
            return Lost()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        return dataclasses.replace(found, attributes=0, first="") if driver in _WHOLE else found
