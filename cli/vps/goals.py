"""What a verb waits for: each goal looks at one VPS and says how it stands instead, nothing once it is met.

Pure. What can never be reached any more raises `Hopeless`: somebody declared something else, or deleted it.
"""

from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.view import cures, standing
from kohakuriver.resources import conditions, kinds, reasons
from kohakuriver.resources.view import VPS

Object = dict[str, Any]
Judge = Callable[[Object | None], str]

_ENDED = (reasons.COMPLETED, reasons.ERROR, reasons.OOM_KILLED, reasons.MEMORY_LOST)  # nobody declared it


class Hopeless(errors.KohakuRiverError):
    """What was waited for will not come by waiting."""


class InVain(Hopeless):
    """Nothing but somebody's deed brings it on: `reason` is one of `reasons.py`."""

    def __init__(self, vps: Object, reason: str) -> None:
        super().__init__(VPS.of(vps).why)
        self.vps = vps
        self.reason = reason


def running(uid: str) -> Judge:
    """Active and reachable, as the spec asks."""

    def judge(vps: Object | None) -> str:
        present = _same(vps, uid)
        _check_declared(present, "Running")
        if VPS.of(present).word == "running":
            return ""
        _check_vain(present)
        _check_ended(present)
        return standing.progress(present)

    return judge


def restarted(uid: str) -> Judge:
    """Running again, the last request carried out."""
    up = running(uid)

    def judge(vps: Object | None) -> str:
        present = _same(vps, uid)
        found = VPS.of(present)
        if found.spec.restart_request == found.observed.restart_request:
            return up(present)
        _check_declared(present, "Running")
        _check_vain(present)
        return "being restarted" if found.word in ("running", "stopped") else standing.progress(present)

    return judge


def replaced(uid: str) -> Judge:
    """Restarted, and its files are new ones."""
    again = restarted(uid)

    def judge(vps: Object | None) -> str:
        present = _same(vps, uid)
        if waits := again(present):
            return waits
        found = VPS.of(present)
        required = found.condition(conditions.RESTART_REQUIRED)
        if required.reason == reasons.FILES_KEPT:
            raise _kept(found)
        word = found.spec.replace_files
        if not word or found.observed.replace_files < word:
            raise Hopeless(
                "it was restarted, and its files were kept: nobody heard the word to replace them",
                hint="the API server or the agent of its node is of a version that does not know it",
            )
        return ""

    return judge


def refilled(uid: str, word: int, declared: str) -> Judge:
    """Its files are those that this word of its owner asked for, and it is up again, as it was declared."""
    up = paused(uid) if declared == "Paused" else running(uid)

    def judge(vps: Object | None) -> str:
        present = _same(vps, uid)
        found = VPS.of(present)
        if found.spec.replace_files != word:
            raise Hopeless("somebody else asked for other files meanwhile")
        if found.observed.replace_files >= word:
            return up(present)
        required = found.condition(conditions.RESTART_REQUIRED)
        if required.reason == reasons.FILES_KEPT and found.is_seen:
            raise _kept(found)
        _check_declared(present, declared)
        _check_vain(present)
        if found.word in ("running", "paused", "stopped"):
            return found.why or "its files are being replaced"
        return standing.progress(present)

    return judge


def stopped(uid: str) -> Judge:
    """Its container does not run."""
    return _settled(uid, "Stopped", "stopped")


def paused(uid: str) -> Judge:
    """Its container is frozen."""
    return _settled(uid, "Paused", "paused")


def deleted(uid: str) -> Judge:
    """The object is gone, and with it the container. A namesake made since is another one."""

    def judge(vps: Object | None) -> str:
        if vps is None or vps["metadata"]["uid"] != uid:
            return ""
        return standing.progress(vps)

    return judge


def _settled(uid: str, declared: str, phase: str) -> Judge:
    def judge(vps: Object | None) -> str:
        present = _same(vps, uid)
        _check_declared(present, declared)
        if VPS.of(present).word == phase:
            return ""
        if phase == "paused":
            _check_vain(present)
            _check_ended(present)
        return standing.progress(present)

    return judge


def _kept(found: VPS) -> Hopeless:
    """The files are the old ones still: nothing was there to begin from, or they could not be kept first."""
    discards = "where the files there now may go for good, add --discard"
    hint = discards if found.spec.raw.get("keepReplacedFiles") is not None else ""
    return Hopeless(found.condition(conditions.RESTART_REQUIRED).message, hint=hint)


def _same(vps: Object | None, uid: str) -> Object:
    if vps is None or vps["metadata"]["uid"] != uid:
        raise Hopeless("it was deleted meanwhile")
    if VPS.of(vps).is_terminating:
        raise Hopeless("it is being deleted")
    return vps


def _check_declared(vps: Object, wanted: str) -> None:
    declared = VPS.of(vps).spec.run_state
    if declared != wanted:
        raise Hopeless(f"somebody else declared it {declared} meanwhile")


def _check_vain(vps: Object) -> None:
    reason = cures.vain(vps)
    if reason:
        raise InVain(vps, reason)


def _check_ended(vps: Object) -> None:
    """A stop by the restart policy lasts, once the agent has acted on this spec."""
    found = VPS.of(vps)
    if found.word == "stopped" and found.reason in _ENDED and found.is_seen:
        raise Hopeless(
            f"it ended, and its restart policy is {found.spec.restart_policy}: {found.why}",
            hint=f"see more: kohakuriver describe {kinds.VPS.singular}/{found.name}",
        )
