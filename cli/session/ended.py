"""How a shell or a command in a VPS ended, as its stream says it."""

from typing import Any, Final, NamedTuple

from kohakuriver import errors

ENDED_FROM_OUTSIDE: Final = 255  # an exit code, as ssh's


class Ending(NamedTuple):
    """How it ended: with the shell's own code, or for a reason from outside."""

    code: int | None
    reason: str = ""
    message: str = ""
    hint: str = ""


def ending(message: dict[str, Any]) -> Ending | None:
    """What a control message says of the end, if it is about that. Raises ApiError."""
    match message:
        case {"exit": {"code": int(code)}}:
            return Ending(code)
        case {"end": {"reason": reason, "message": text}}:
            return Ending(None, str(reason), str(text))
        case {"error": dict(status)}:
            raise errors.from_status(status)
    return None
