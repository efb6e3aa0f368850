"""List-then-watch that never ends: a local copy of many objects, kept true to the API.

`Informer` is what every program stands on: it lists, watches from the listed revision, resumes where it
was cut, lists again when the history is gone (410) and now and then for its own sake. Of a store that was
restored from a backup, which goes back in time, it keeps nothing that it held. It tells its listener
*keys*, never events: who reconciles reads the whole object from here. Deletes that happened while it was away
are found by the next list and told like any other.
"""

import asyncio
import dataclasses
import logging
import random
from collections.abc import Callable, Iterator
from typing import Protocol

import tenacity

from kohakuriver import errors
from kohakuriver.client.rest import Client, Object, ObjectList
from kohakuriver.clock import Clock
from kohakuriver.resources.kinds import ResourceType

log = logging.getLogger(__name__)

AT_ONCE = 200  # objects of a list taken in between two turns of everybody else
RELIST_EVERY = 600.0  # seconds; level, not edge: what events missed is found by then


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Which object, within one kind."""

    namespace: str  # "" for cluster-scoped kinds
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


Listener = Callable[[ObjectKey], None]


def key_of(body: Object) -> ObjectKey:
    """The key of an object."""
    meta = body["metadata"]
    return ObjectKey(meta.get("namespace") or "", meta["name"])


def revision_of(body: Object) -> int:
    """An object's resourceVersion as the number it is on our servers."""
    return int(body["metadata"]["resourceVersion"])


class Witness(Protocol):
    """Follows in which history the store is, and how far. It hears of a list before anybody sees it."""

    def mark(self) -> int:
        """The revision known when a list is asked for: what it answers is at or above that."""
        ...

    def listed(self, history: str, revision: int, *, mark: int) -> None: ...

    def reached(self, revision: int) -> None: ...


class Informer:
    """The objects of one kind, as of a moment ago. Run `run()` as a task; then read."""

    def __init__(
        self,
        client: Client,
        resource: ResourceType,
        *,
        clock: Clock,
        listener: Listener | None = None,
        namespace: str | None = None,
        field_selector: str = "",
        label_selector: str = "",
        chance: random.Random | None = None,
        witness: Witness | None = None,
        readable: Callable[[Object], Object] = lambda body: body,
        may_be_unknown: bool = False,
    ) -> None:
        self.resource = resource
        self.missed = 0  # changes that a periodic list found and the watch had not told
        self._client = client
        self._clock = clock
        self._listeners: list[Listener] = [listener] if listener else []
        self._namespace = namespace
        self._field_selector = field_selector
        self._label_selector = label_selector
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._objects: dict[ObjectKey, Object] = {}
        self._witness = witness
        self._readable = readable  # what stands in for an object that its reader cannot read
        self._history = ""  # of the store, when last listed
        self._revision = 0  # the highest that the server has told of
        self._may_be_unknown = may_be_unknown  # an older server has no such kind, and so no objects of it
        self._resume: str | None = None  # where the next watch starts; None: list first
        self._listed_at = 0.0
        self._synced = asyncio.Event()
        self._heard_at = 0.0

    def listen(self, listener: Listener) -> None:
        """Also tell this one; it hears of every object at once if there are some already."""
        self._listeners.append(listener)
        for key in self._objects:
            listener(key)

    def get(self, key: ObjectKey) -> Object | None:
        """The object, or None. Shared: who changes it copies it first."""
        return self._objects.get(key)

    def __iter__(self) -> Iterator[Object]:
        return iter(list(self._objects.values()))

    def keys(self) -> list[ObjectKey]:
        """Of all objects that there are now."""
        return list(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    @property
    def synced(self) -> bool:
        """Whether a first list has come in."""
        return self._synced.is_set()

    @property
    def history(self) -> str:
        """The history of the store that was last listed."""
        return self._history

    async def wait_synced(self) -> None:
        await self._synced.wait()

    def silence(self) -> float:
        """Seconds since the server last said anything on this watch."""
        return self._clock.monotonic() - self._heard_at

    def overlay(self, body: Object) -> None:
        """Lay what a write returned over the copy, until the watch has passed it."""
        self._put(body)

    def drop(self, key: ObjectKey) -> None:
        """Forget an object that a write of ours is known to have removed."""
        if self._objects.pop(key, None) is not None:
            self._tell(key)

    async def run(self) -> None:
        """Follow for ever; returns only when cancelled."""
        while True:
            async for attempt in tenacity.AsyncRetrying(
                wait=tenacity.wait_random_exponential(multiplier=0.1, max=5.0),
                retry=tenacity.retry_if_exception_type(errors.KohakuRiverError),
                before_sleep=self._log_retry,
            ):
                with attempt:
                    await self.step()

    async def step(self) -> None:
        """One list, if it is due, and one watch until the server ends it."""
        try:
            if self._resume is None or self._clock.monotonic() - self._listed_at > RELIST_EVERY:
                await self._list()
            await self._follow()
        except errors.Expired:
            self._resume = None
        except errors.NotFound:
            if self._may_be_unknown:
                self._synced.set()
            raise

    async def _list(self) -> None:
        mark = self._witness.mark() if self._witness is not None else 0
        answer = await self._client.list(
            self.resource,
            namespace=self._namespace,
            field_selector=self._field_selector,
            label_selector=self._label_selector,
        )
        replaced = self._is_restored(answer)
        if self._witness is not None:
            self._witness.listed(answer.history, int(answer.resource_version), mark=mark)
        again = self._resume is not None and not replaced
        if replaced:
            log.warning("the store was restored: everything is replaced", extra=self._where(answer))
            former, self._objects = self._objects, {}
            for key in former.keys() - {key_of(item) for item in answer.items}:
                self._tell(key)
        changed, found = 0, set[ObjectKey]()
        for number, item in enumerate(answer.items, 1):
            changed += self._put(item)
            found.add(key_of(item))
            if number % AT_ONCE == 0 and not replaced:  # of another store nobody shall see a part
                await asyncio.sleep(0)
        gone = [
            key
            for key, held in self._objects.items()
            if key not in found and revision_of(held) <= int(answer.resource_version)
        ]
        for key in gone:
            del self._objects[key]
            self._tell(key)
        if again:
            self.missed += changed + len(gone)
        self._resume, self._history = answer.resource_version, answer.history
        self._revision = int(answer.resource_version)
        self._listed_at = self._heard_at = self._clock.monotonic()
        self._synced.set()

    def _is_restored(self, answer: ObjectList) -> bool:
        """Whether the store went back in time since the last list: then nothing that is held counts."""
        other = bool(self._history) and answer.history != self._history
        return other or int(answer.resource_version) < self._revision

    def _where(self, answer: ObjectList) -> dict[str, object]:
        return {
            "resource": self.resource.plural,
            "from": f"{self._history}:{self._revision}",
            "to": f"{answer.history}:{answer.resource_version}",
        }

    async def _follow(self) -> None:
        assert self._resume is not None  # noqa: S101 - set by _list, which came first
        due = self._listed_at + RELIST_EVERY * self._chance.uniform(1.0, 1.2)
        async for event in self._client.watch(
            self.resource,
            resource_version=self._resume,
            namespace=self._namespace,
            field_selector=self._field_selector,
            label_selector=self._label_selector,
            history=self._history,
        ):
            self._heard_at = self._clock.monotonic()
            if event.type == "DELETED":
                self._remove(event.object)
            elif event.type != "BOOKMARK":
                self._put(event.object)
            self._resume = event.object["metadata"]["resourceVersion"]
            self._revision = int(self._resume)
            if self._witness is not None:
                self._witness.reached(self._revision)
            if event.type == "BOOKMARK" and self._heard_at > due:
                return  # between two events, so that nothing is cut short

    def _put(self, body: Object) -> bool:
        """Take an object in unless a newer one is held. Whether anything changed."""
        key = key_of(body)
        held = self._objects.get(key)
        if held is not None and revision_of(held) >= revision_of(body):
            return False
        self._objects[key] = self._readable(body)
        self._tell(key)
        return True

    def _remove(self, body: Object) -> None:
        key = key_of(body)
        held = self._objects.get(key)
        if held is None or revision_of(held) > revision_of(body):
            return  # a namesake made since is not what was deleted
        del self._objects[key]
        self._tell(key)

    def _tell(self, key: ObjectKey) -> None:
        for listener in self._listeners:
            listener(key)

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number in (1, 10) or state.attempt_number % 100 == 0:
            log.warning(
                "watch interrupted",
                extra={
                    "resource": self.resource.plural,
                    "attempt": state.attempt_number,
                    "error": str(error),
                },
            )
