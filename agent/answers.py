"""What is said of a VPS that this agent cannot look at: the engine does not answer, or not for its container.

What was last reported stands, but for what is granted now, of which it proves nothing. Below keeper.py.
"""

from collections.abc import Callable

from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.status import is_awaited
from kohakuriver.agent.engine import STARTING, Health
from kohakuriver.agent.report import Reporter, Status
from kohakuriver.agent.runtime.errors import ContainerSilent
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import ObjectKey
from kohakuriver.resources.vps import ObservedState


class Answers:
    """The answers of one agent process."""

    def __init__(
        self, reporter: Reporter, *, session: str, rebooted: bool, health: Callable[[], Health]
    ) -> None:
        self._reporter = reporter
        self._session = session
        self._rebooted = rebooted
        self._health = health

    def unseen(self, key: ObjectKey, desired: Desired, vps: Object) -> None:
        """Say that the engine does not answer for its container."""
        silent = ContainerSilent(desired.container_name)
        earlier = {"state": ObservedState.PREPARING.value, **_earlier(vps, desired)}
        why = {"reason": type(silent).__name__, "message": f"{silent.message} ({silent.hint})"}
        self._put(key, desired, {**earlier, **why}, passing=False)

    def unusable(self, key: ObjectKey, desired: Desired, vps: Object) -> None:
        """Say why an engine cannot be used, to whoever waits for it; what was said of others stands."""
        health, earlier = self._health(), _earlier(vps, desired)
        if health.ok or health is STARTING or not is_awaited(desired, earlier):
            return
        state = ObservedState.REMOVING if desired.deleting else ObservedState.PREPARING
        why = {"state": state.value, "reason": health.reason, "message": health.message}
        self._put(key, desired, {**earlier, **why}, passing=True)

    def answer(self, key: ObjectKey, vps: Object | None) -> None:
        """The server takes this VPS for unreachable: tell it otherwise, with what is known.

        What an earlier agent reported stands while the engine is away, but not before this agent has looked
        at it once, and not across a boot, which ended everything that ran.
        """
        held = (vps.get("status") or {}) if vps is not None else {}
        if vps is None or not held.get("unreachableSince"):
            return
        if not self._reporter.knows(key):
            if self._rebooted or self._health() is STARTING or not held.get("observed"):
                return
            observed = {**_without_grant(held["observed"]), "session": self._session}
            generation = int(held.get("observedGeneration") or 0)
            self._reporter.put(key, Status(vps["metadata"]["uid"], generation, observed, []), passing=False)
        self._reporter.answer(key)

    def _put(self, key: ObjectKey, desired: Desired, observed: Object, *, passing: bool) -> None:
        said = {**observed, "epoch": desired.epoch, "session": self._session}
        self._reporter.put(key, Status(desired.uid, desired.generation, said, []), passing=passing)


def _earlier(vps: Object, desired: Desired) -> Object:
    held = (vps.get("status") or {}).get("observed") or {}
    return _without_grant(held) if held.get("epoch") == desired.epoch else {}


def _without_grant(observed: Object) -> Object:
    return {field: value for field, value in observed.items() if field not in ("sequence", "grantId")}
