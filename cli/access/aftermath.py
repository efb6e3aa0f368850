"""Why a shell or a command really ended: what was done to its VPS ends it by a signal."""

import contextlib
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.session.ended import Ending
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.view import standing
from kohakuriver.cli.view.standing import HERE, Reader
from kohakuriver.resources.view import VPS

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
    return ending._replace(hint=found.hint, message=found.message)


def what_happened(before: dict[str, Any], now: dict[str, Any], *, reader: Reader = HERE) -> Ending | None:
    """What was done to a VPS since. Pure."""
    found, earlier = VPS.of(now), VPS.of(before)
    name, again = found.name, reader.command(f"connect {found.name}", now)
    if found.is_terminating:
        return _outside("Removed", "it was deleted", "see what there is: kohakuriver vps list --all")
    if found.uid != earlier.uid:
        return _outside("Removed", "it was deleted, and there is a new one of its name", again)
    if found.spec.run_state == "Stopped":
        return _outside("Stopped", "it was stopped", reader.command(f"vps start {name}", now))
    if found.spec.restart_request != earlier.spec.restart_request:
        return _outside("Restarted", "it was restarted", again)
    if found.word != "running":
        words = f"it is {found.word}" + (f": {found.why}" if found.why else "")
        with contextlib.suppress(IndexError):
            return _outside("Stopped", words, standing.next_commands(now, None, reader=reader)[0])
    return None


def _outside(reason: str, message: str, hint: str) -> Ending:
    return Ending(None, reason, message, hint)
