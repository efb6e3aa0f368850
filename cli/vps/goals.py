"""What a verb waits for: each goal looks at one VPS and says how it stands instead, nothing once it is met.

Pure. What can never be reached any more raises `Hopeless`: somebody declared something else, or deleted it.
"""

from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.view import cures, standing
from kohakuriver.resources import kinds

Object = dict[str, Any]
Judge = Callable[[Object | None], str]

_ENDED = ("Completed", "Error", "OOMKilled", "MemoryLost")  # reasons of a stop that nobody declared


class Hopeless(errors.KohakuRiverError):
    """What was waited for will not come by waiting."""


class InVain(Hopeless):
    """Nothing but somebody's deed brings it on: `reason` is one of `reasons.py`."""

    def __init__(self, vps: Object, reason: str) -> None:
        super().__init__(standing.why(vps))
        self.vps = vps
        self.reason = reason


def running(uid: str) -> Judge:
    """Active and reachable, as the spec asks."""

    def judge(vps: Object | None) -> str:
        present = _same(vps, uid)
        _check_declared(present, "Running")
        if standing.phase(present) == "running":
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
        asked = (present.get("spec") or {}).get("restartRequest") or ""
        done = standing.observed_of(present).get("restartRequest") or ""
        if asked == done:
            return up(present)
        _check_declared(present, "Running")
        _check_vain(present)
        phase = standing.phase(present)
        return "being restarted" if phase in ("running", "stopped") else standing.progress(present)

    return judge


def replaced(uid: str) -> Judge:
    """Restarted, and its files are new ones."""
    again = restarted(uid)

    def judge(vps: Object | None) -> str:
        present = _same(vps, uid)
        if waits := again(present):
            return waits
        required = standing.condition(present, "RestartRequired")
        if required.get("reason") == "FilesKept":
            raise Hopeless(str(required.get("message")))
        word = (present.get("spec") or {}).get("replaceFiles") or 0
        if not word or (standing.observed_of(present).get("replaceFiles") or 0) < word:
            raise Hopeless(
                "it was restarted, and its files were kept: nobody heard the word to replace them",
                hint="the API server or the agent of its node is of a version that does not know it",
            )
        return ""

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
        if standing.phase(present) == phase:
            return ""
        if phase == "paused":
            _check_vain(present)
            _check_ended(present)
        return standing.progress(present)

    return judge


def _same(vps: Object | None, uid: str) -> Object:
    if vps is None or vps["metadata"]["uid"] != uid:
        raise Hopeless("it was deleted meanwhile")
    if vps["metadata"].get("deletionTimestamp"):
        raise Hopeless("it is being deleted")
    return vps


def _check_declared(vps: Object, wanted: str) -> None:
    declared = (vps.get("spec") or {}).get("runState") or "Running"
    if declared != wanted:
        raise Hopeless(f"somebody else declared it {declared} meanwhile")


def _check_vain(vps: Object) -> None:
    reason = cures.vain(vps)
    if reason:
        raise InVain(vps, reason)


def _check_ended(vps: Object) -> None:
    """A stop by the restart policy lasts, once the agent has acted on this spec."""
    status = standing.status_of(vps)
    reason, name = status.get("reason"), vps["metadata"]["name"]
    seen = status.get("observedGeneration") == vps["metadata"].get("generation")
    if standing.phase(vps) == "stopped" and reason in _ENDED and seen:
        policy = (vps.get("spec") or {}).get("restartPolicy")
        raise Hopeless(
            f"it ended, and its restart policy is {policy}: {standing.why(vps)}",
            hint=f"see more: kohakuriver describe {kinds.VPS.singular}/{name}",
        )
