"""Tells people what happened, as Events. Reporting never holds up or fails the work it reports.

The same thing said again within ten minutes raises the count of the first Event, as Kubernetes' recorder
does. The queue is bounded; what does not fit is dropped and counted.
"""

import asyncio
import collections
import dataclasses
import hashlib
import logging
from typing import Literal

from kohakuriver import errors
from kohakuriver.client.rest import Client, Object
from kohakuriver.clock import Clock, timestamp
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

SAME_FOR = 600.0  # seconds within which the same thing is counted, not said again
QUEUE = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """One thing that happened to one object."""

    about: Object
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclasses.dataclass(slots=True)
class _Said:
    name: str
    count: int
    at: float


class Recorder:
    """Queues reports and writes them from `run()`."""

    def __init__(self, client: Client, *, clock: Clock, component: str, host: str = "") -> None:
        self.dropped = 0
        self._client = client
        self._clock = clock
        self._component = component
        self._host = host
        self._queue: asyncio.Queue[Report] = asyncio.Queue(QUEUE)
        self._said: collections.OrderedDict[str, _Said] = collections.OrderedDict()

    def normal(self, about: Object, reason: str, message: str) -> None:
        """Something went as it should. `about` is the object, or any dict with its kind and metadata."""
        self._report(Report(about, "Normal", reason, message))

    def warning(self, about: Object, reason: str, message: str) -> None:
        """Something a person may want to act on."""
        self._report(Report(about, "Warning", reason, message))

    def _report(self, report: Report) -> None:
        try:
            self._queue.put_nowait(report)
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        while True:
            await self.step()

    async def step(self) -> None:
        """Write one report. A failure costs that Event, nothing else."""
        report = await self._queue.get()
        try:
            await self._write(report)
        except errors.Forbidden as error:  # what a node says of a VPS comes late, when that has left it
            self.dropped += 1
            log.info("event refused", extra={"reason": report.reason, "error": str(error)})
        except errors.KohakuRiverError as error:
            self.dropped += 1
            log.warning("event not written", extra={"reason": report.reason, "error": str(error)})

    async def flush(self) -> None:
        """Write what is queued, at the end of a program."""
        while not self._queue.empty():
            await self.step()

    async def _write(self, report: Report) -> None:
        now = self._clock.monotonic()
        while self._said and next(iter(self._said.values())).at < now - SAME_FOR:
            self._said.popitem(last=False)
        meta = report.about["metadata"]
        mark = f"{meta.get('uid')}|{report.type}|{report.reason}|{report.message}"
        said = self._said.get(mark)
        namespace = meta.get("namespace") or kinds.DEFAULT_NAMESPACE
        if said is not None:
            said.count += 1
            change = {"count": said.count, "lastTimestamp": timestamp(self._clock.now())}
            try:
                await self._client.patch(kinds.EVENT, said.name, change, namespace=namespace)
                return
            except errors.NotFound:
                pass  # it has expired: say it anew
        name = self._name(meta["name"], mark, now)
        self._said[mark] = _Said(name, 1, now)
        await self._client.create(kinds.EVENT, self._body(report, name=name, namespace=namespace))

    def _name(self, about: str, mark: str, now: float) -> str:
        digest = hashlib.sha256(f"{mark}|{self._host}|{now}|{self._clock.now()}".encode()).hexdigest()
        return f"{about}.{digest[:16]}"

    def _body(self, report: Report, *, name: str, namespace: str) -> Object:
        meta = report.about["metadata"]
        moment = timestamp(self._clock.now())
        return {
            "apiVersion": kinds.EVENT.api_version,
            "kind": kinds.EVENT.kind,
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": report.about["apiVersion"],
                "kind": report.about["kind"],
                "name": meta["name"],
                "uid": meta.get("uid", ""),
                **({"namespace": meta["namespace"]} if meta.get("namespace") else {}),
            },
            "type": report.type,
            "reason": report.reason,
            "message": report.message,
            "source": {"component": self._component, **({"host": self._host} if self._host else {})},
            "reportingComponent": self._component,
            "reportingInstance": self._host,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
