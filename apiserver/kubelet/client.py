"""Whoever runs a command, seen from what runs it: what they typed, and what they are shown. No I/O.

`channel_client.py` and `spdy_client.py` are the two that there are.
"""

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from kohakuriver import errors

Status = dict[str, Any]

LONGEST_RESIZE: Final = 256  # bytes
_MOST: Final = 9999  # rows or columns


@dataclasses.dataclass(frozen=True, slots=True)
class Typed:
    """Some input."""

    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class InputEnded:
    """That was all of the input."""


@dataclasses.dataclass(frozen=True, slots=True)
class Resized:
    """Their terminal has another size."""

    rows: int
    cols: int


Said = Typed | InputEnded | Resized


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which of a command's three streams a client has asked for, and whether with a terminal."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


class Client(Protocol):
    """One connection."""

    def adopt(self, transport: asyncio.Transport) -> None:
        """Take over the connection, which was answered 101."""
        ...

    async def ready(self) -> None:
        """Once it can be shown something. Raises BadRequest and Unreachable."""
        ...

    async def receive(self) -> Said | None:
        """The next thing that they did; None once they have gone."""
        ...

    async def gone(self) -> None:
        """Until their connection has ended; what they typed before may wait to be received."""
        ...

    async def send(self, channel: int, data: bytes) -> None:
        """Show something, once there is room. Raises Unreachable."""
        ...

    async def finish(self, status: Status) -> None:
        """Say how it ended, and end the connection."""
        ...

    def abort(self) -> None:
        """End the connection at once."""
        ...


def resized(text: bytes) -> Resized | None:
    """The size that a client says, as kubectl writes it; None for what is none."""
    try:
        found = json.loads(text)
        rows, cols = int(found["Height"]), int(found["Width"])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    return Resized(rows, cols) if 0 < rows <= _MOST and 0 < cols <= _MOST else None


def ended(last: Mapping[str, Any]) -> Status | None:
    """How the program ended, as kubectl is told, where this message of the agent says so."""
    match last:
        case {"exit": {"code": 0}}:
            return {"metadata": {}, "status": "Success"}
        case {"exit": {"code": int(code)}}:
            return {
                "metadata": {},
                "status": "Failure",
                "message": f"command terminated with non-zero exit code: exit status {code}",
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
            }
        case {"end": {"message": str(message)}}:
            return failed(errors.Conflict(message))
        case {"error": dict(status)}:
            return failed(errors.from_status(status))
    return None


def exit_of(status: Status) -> dict[str, object]:
    """The program's exit code, as the audit log has it; nothing where it ended for a reason from outside."""
    match status:
        case {"status": "Success"}:
            return {"exit": 0}
        case {"reason": "NonZeroExitCode", "details": {"causes": [{"message": str(code)}]}}:
            return {"exit": int(code)}
    return {}


def failed(error: errors.KohakuRiverError) -> Status:
    """What went wrong, as kubectl is told: it shows the message alone."""
    told = error if isinstance(error, errors.ApiError) else errors.Unavailable(error.message, hint=error.hint)
    return {**told.to_status(), "message": told.in_one_message}
