"""Sends what is so of each VPS to the API: the newest wins, a failure costs nothing but time.

status.py says what is so; the workers put it here and go on. It is written only when it differs from what
the API holds, except where the server asked to hear it (`unreachableSince`) or may have missed it.
"""

import asyncio
import dataclasses
import logging
import random
from typing import Any

from agent.queue import KeyQueue
from kohakuriver import errors
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

PASSING = 2.0  # seconds a state on the way must last before it is worth a write
CONNECTIONS = 4  # writes at a time: each more of them would cost a TLS handshake of its own
REFUSED = 60.0  # seconds before a refused status is tried again


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """What is so of one VPS."""

    uid: str
    generation: int
    observed: dict[str, Any]
    conditions: list[dict[str, Any]]


class Reporter:
    """Holds the newest status of each VPS and brings the API up to it."""

    def __init__(self, client: Client, vpses: Informer, *, clock: Clock, chance: random.Random) -> None:
        self.written = 0
        self.failed = 0
        self.queue = KeyQueue(clock=clock, chance=chance, first=0.2, longest=10.0)
        self._client = client
        self._vpses = vpses
        self._clock = clock
        self._newest: dict[ObjectKey, Status] = {}
        self._forced: set[ObjectKey] = set()
        self._slots = asyncio.Semaphore(CONNECTIONS)

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
        """Nothing more is to be said of this VPS."""
        self._newest.pop(key, None)
        self._forced.discard(key)
        self.queue.forget(key)

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
        body = patch_of(held, status, forced=forced)
        if body is not None and not await self._send(key, body) and forced:
            self._forced.add(key)

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
    observed = difference(has.get("observed") or {}, status.observed, whole=forced)
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
