"""Sends what is so of each VPS to the API: the newest wins, a failure costs nothing but time.

status.py says what is so; the workers put it here and go on. It is written only when it differs from what
the API holds, except where the server asked to hear it (`unreachableSince`) or may have missed it.

Each report has a number above the last, by which the server refuses those that were held up on their way. Who
was said to be stopped may lose what is granted to him to others: nothing of his is started before the API
has taken down that he is not (`may_start`).
"""

import asyncio
import dataclasses
import logging
import random
from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.agent.queue import KeyQueue
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds
from kohakuriver.resources.vps import ObservedState

log = logging.getLogger(__name__)

PASSING = 2.0  # seconds a state on the way must last before it is worth a write
CONNECTIONS = 4  # writes at a time: each more of them would cost a TLS handshake of its own
REFUSED = 60.0  # seconds before a refused status is tried again
FORMER = 1000  # reports that an earlier agent process may still have on their way

Grant = tuple[str, int, str]  # uid, epoch, and the id of what is granted


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """What is so of one VPS."""

    uid: str
    generation: int
    observed: dict[str, Any]
    conditions: list[dict[str, Any]]

    @property
    def grant(self) -> Grant:
        """What it is said of."""
        return self.uid, self.observed["epoch"], self.observed.get("grantId", "")

    @property
    def is_stopped(self) -> bool:
        """Whether the server may take away what is granted, once it has heard this."""
        return self.observed.get("state") == ObservedState.STOPPED


class Reporter:
    """Holds the newest status of each VPS and brings the API up to it."""

    def __init__(
        self,
        client: Client,
        vpses: Informer,
        *,
        clock: Clock,
        chance: random.Random,
        heard: Callable[[ObjectKey], None] = lambda key: None,
    ) -> None:
        self.written = 0
        self.failed = 0
        self.queue = KeyQueue(clock=clock, chance=chance, first=0.2, longest=10.0)
        self._client = client
        self._vpses = vpses
        self._clock = clock
        self._newest: dict[ObjectKey, Status] = {}
        self._forced: set[ObjectKey] = set()
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._heard = heard
        self._numbers: dict[str, int] = {}  # by uid: of the last report
        self._stopped: set[Grant] = set()  # the server may have been told so last

    def begin(self) -> None:
        """What is bound here now, an earlier agent process may have said anything of."""
        for vps in self._vpses:
            assignment = (vps.get("status") or {}).get("assignment")
            if assignment:
                self._stopped.add(
                    (vps["metadata"]["uid"], assignment["epoch"], assignment.get("grantId") or "")
                )

    def may_start(self, grant: Grant) -> bool:
        """Whether the API cannot hold that this is stopped, whatever it has heard or may yet hear."""
        return grant not in self._stopped

    def put(self, key: ObjectKey, status: Status, *, passing: bool) -> None:
        """This is so now. A `passing` state is written only if it lasts."""
        self._newest[key] = status
        self.queue.add(key, at=self._clock.monotonic() + (PASSING if passing else 0.0))

    def knows(self, key: ObjectKey) -> bool:
        """Whether anything was put of this VPS yet."""
        return key in self._newest

    def answer(self, key: ObjectKey) -> None:
        """Send it again although nothing changed: the server has marked the VPS unreachable."""
        self._forced.add(key)
        self.queue.add(key)

    def answer_all(self) -> None:
        """Send everything again: the server may have taken this node for lost."""
        for key in self._newest:
            self.answer(key)

    def forget(self, key: ObjectKey) -> None:
        """Nothing more is to be said of this VPS. What was said stands for as long as it is there."""
        status, held = self._newest.pop(key, None), self._vpses.get(key)
        self._forced.discard(key)
        self.queue.forget(key)
        if status is not None and (held is None or held["metadata"]["uid"] != status.uid):
            self._numbers.pop(status.uid, None)
            self._stopped = {grant for grant in self._stopped if grant[0] != status.uid}

    async def run(self) -> None:
        await self.queue.serve(self.step, name="report")

    async def step(self, key: ObjectKey) -> None:
        """Bring the API up to the newest status of one VPS, if it is behind."""
        status, held = self._newest.get(key), self._vpses.get(key)
        if held is None or status is None:
            return
        if held["metadata"]["uid"] != status.uid:
            self.forget(key)
            return
        forced = key in self._forced
        self._forced.discard(key)
        must = forced or (not status.is_stopped and not self.may_start(status.grant))
        body = patch_of(held, status, forced=must)
        if body is None:
            return
        body["status"]["observed"]["sequence"] = self._next(held, status.uid)
        if status.is_stopped:
            self._stopped.add(status.grant)
        if await self._send(key, body):
            self._took_down(key, status)
        elif forced:
            self._forced.add(key)

    def _next(self, held: Object, uid: str) -> int:
        last = int(((held.get("status") or {}).get("observed") or {}).get("sequence") or 0)
        number = max(self._numbers[uid], last) + 1 if uid in self._numbers else last + FORMER
        self._numbers[uid] = number
        return number

    def _took_down(self, key: ObjectKey, status: Status) -> None:
        """The API has it, and nothing that was said before can take its place any more."""
        if not status.is_stopped and not self.may_start(status.grant):
            self._stopped.discard(status.grant)
            self._heard(key)

    async def _send(self, key: ObjectKey, body: Object) -> bool:
        try:
            async with self._slots:
                answer = await self._client.patch(
                    kinds.VPS, key.name, body, namespace=key.namespace, subresource="status"
                )
        except errors.NotFound:
            self.forget(key)
        except errors.RETRYABLE as error:
            self._again(key, error, pause=self.queue.backoff(key))
        except errors.Conflict as error:
            # Another uid or placement than ours is there, and the watch will say which.
            self._again(key, error, pause=self.queue.backoff(key))
        except errors.KohakuRiverError as error:
            self._again(key, error, pause=REFUSED)
        else:
            self.written += 1
            self.queue.succeeded(key)
            self._vpses.overlay(answer)
            return True
        return False

    def _again(self, key: ObjectKey, error: errors.KohakuRiverError, *, pause: float) -> None:
        self.failed += 1
        log.warning("status not written", extra={"vps": str(key), "again_in": pause, "error": error.message})
        self.queue.add(key, at=self._clock.monotonic() + pause)


def patch_of(held: Object, status: Status, *, forced: bool = False) -> Object | None:
    """The merge patch that makes `held` say `status`; None when it says so already."""
    has = held.get("status") or {}
    change: dict[str, Any] = {}
    said = {field: value for field, value in (has.get("observed") or {}).items() if field != "sequence"}
    observed = difference(said, status.observed, whole=forced)
    if observed:
        # The server checks each report against the placement it is about.
        change["observed"] = {"epoch": status.observed["epoch"], **observed}
    known = {condition["type"]: condition for condition in has.get("conditions") or []}
    conditions = [wanted for wanted in status.conditions if not _says(known.get(wanted["type"]), wanted)]
    if conditions:
        change["conditions"] = conditions
    if has.get("observedGeneration") != status.generation:
        change["observedGeneration"] = status.generation
    if not change:
        return None
    change.setdefault("observed", {"epoch": status.observed["epoch"]})
    return {"metadata": {"uid": status.uid}, "status": change}


def difference(held: dict[str, Any], wanted: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """The merge patch (RFC 7386) from one mapping to another: null takes a field away."""
    change: dict[str, Any] = {field: None for field in held if field not in wanted}
    for field, value in wanted.items():
        before = held.get(field)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value, whole=whole)
            if inner:
                change[field] = inner
        elif whole or before != value or field not in held:
            change[field] = value
    return change


def _says(held: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    return held is not None and all((held.get(field) or "") == value for field, value in wanted.items())
