"""Why a shell or a command really ended: what was done to its VPS ends it by a signal."""

import contextlib
import dataclasses
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.session.ended import Ending
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.view import standing
from kohakuriver.cli.view.standing import HERE, Reader

_SIGNALLED = 128  # codes above it: something was ended by a signal


def explained(vps: Target, ending: Ending) -> Ending:
    """The ending in words where it came from outside. Asks the server where that may be."""
    if ending.reason == "TakenOver" or (ending.code is not None and ending.code <= _SIGNALLED):
        return ending
    try:
        now = vps.look()
    except errors.NotFound:
        return _outside("Removed", "it was deleted", "see what there is: kohakuriver vps list --all")
    except errors.KohakuRiverError:
        return ending
    found = what_happened(vps.vps, now, reader=vps.reader)
    if ending.code is not None:
        return found or ending
    if found is None or ending.hint:
        return ending
    return dataclasses.replace(ending, hint=found.hint, message=found.message)


def what_happened(before: dict[str, Any], now: dict[str, Any], *, reader: Reader = HERE) -> Ending | None:
    """What was done to a VPS since. Pure."""
    name, spec = now["metadata"]["name"], now.get("spec") or {}
    again = reader.command(f"connect {name}", now)
    if now["metadata"].get("deletionTimestamp"):
        return _outside("Removed", "it was deleted", "see what there is: kohakuriver vps list --all")
    if now["metadata"]["uid"] != before["metadata"]["uid"]:
        return _outside("Removed", "it was deleted, and there is a new one of its name", again)
    if spec.get("runState") == "Stopped":
        return _outside("Stopped", "it was stopped", reader.command(f"vps start {name}", now))
    if spec.get("restartRequest") != (before.get("spec") or {}).get("restartRequest"):
        return _outside("Restarted", "it was restarted", again)
    if standing.phase(now) != "running":
        why = standing.why(now)
        words = f"it is {standing.phase(now)}" + (f": {why}" if why else "")
        with contextlib.suppress(IndexError):
            return _outside("Stopped", words, standing.next_commands(now, None, reader=reader)[0])
    return None


def _outside(reason: str, message: str, hint: str) -> Ending:
    return Ending(None, reason, message, hint)
