"""The VPSes bound to this node and the containers of this cluster, as last seen. Decides nothing.

A container is a VPS's by its labels **and** its name: labels alone are inherited by images committed from
it. One that was known by its id stays known when somebody renames it.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from kohakuriver.agent.deciding import labels, strays
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Durable, Memory
from kohakuriver.agent.runtime.base import Container, ContainerState, Listed
from kohakuriver.client.watch import ObjectKey

RIPE: Final = 3  # lists in which a container of no VPS has never run
MOST_REMEMBERED: Final = 10_000  # placements that were here


@dataclasses.dataclass(slots=True)
class Entry:
    """One VPS and what is going on with it. Only its worker and the engine's events change it."""

    key: ObjectKey
    desired: Desired
    memory: Memory
    saved: Durable  # what the journal, or what it would be made from, says
    unsaved: bool = False  # the journal refused the last of it, and may say something else
    stale: bool = False  # an event told of a change: look before deciding
    ending: bool = False  # the agent is about to end its container itself
    grace: float = 0.0  # seconds that the stop under way allows
    working: bool = False
    rounds: int = 0  # in a row, each with something to do
    late: bool = False  # a create timed out: its container may be born later


class Roster:
    """Entries by uid, containers by id."""

    def __init__(self) -> None:
        self.began: list[Callable[[], None]] = []  # who hears that a container runs that did not
        self.ended: list[Callable[[], None]] = []  # who hears that a container that ran does not
        self.missed = 0  # changes that a list found and no event had told of
        self.silent: set[str] = set()  # containers, by id, for which the engine does not answer
        self._partly: set[str] = set()  # those of them of which nothing but what the list says is known
        self._entries: dict[str, Entry] = {}
        self._containers: dict[str, Container] = {}
        self._by_uid: dict[str, set[str]] = {}
        self._changes = 0
        self._touched: dict[str, int] = {}  # container id -> the change that touched it last
        # (uid, epoch) -> container name, if one may be born late
        self._finished: dict[tuple[str, str], str] = {}
        self._strays: dict[str, int] = {}  # never run, by id: how many lists there had been when first seen
        self._ripe: set[str] = set()  # those of them that have stayed so
        self._over: dict[tuple[str, int], None] = {}  # placements that were given up, and are no more here

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def entry(self, uid: str) -> Entry | None:
        return self._entries.get(uid)

    def enter(self, entry: Entry) -> None:
        self._entries[entry.desired.uid] = entry

    def leave(self, uid: str) -> None:
        """The VPS is gone from this node. What an unanswered create may still bring is remembered."""
        entry = self._entries.pop(uid, None)
        if entry is not None and entry.late:
            self._finished[(uid, str(entry.desired.epoch))] = entry.desired.container_name
            _forget_oldest(self._finished)

    def end(self, uid: str, epoch: int) -> None:
        """A placement was given up and nothing of it is here: it does not come back, whatever a watch that
        is behind says of it once its tombstone is gone."""
        self._over[(uid, epoch)] = None
        _forget_oldest(self._over)

    def is_over(self, uid: str, epoch: int) -> bool:
        return (uid, epoch) in self._over

    def reopen(self) -> None:
        """The store was restored: what was over in it may be declared again."""
        self._over.clear()

    def container(self, desired: Desired, memory: Memory) -> Container | None:
        """This VPS's container, as last seen."""
        found = [self._containers[id_] for id_ in self._by_uid.get(desired.uid, ())]
        for container in found:
            if container.name == desired.container_name:
                return container
        return next((container for container in found if container.id == memory.container_id), None)

    def of(self, entry: Entry) -> Container | None:
        """The container of this VPS, as last seen."""
        return self.container(entry.desired, entry.memory)

    def containers(self) -> list[Container]:
        """Every container of this cluster."""
        return list(self._containers.values())

    def known(self, container_id: str) -> Container | None:
        """A container as last seen."""
        return self._containers.get(container_id)

    def is_silent(self, uid: str) -> bool:
        """Whether the engine does not answer for a container that carries this uid."""
        return not self.silent.isdisjoint(self._by_uid.get(uid, ()))

    def is_partly(self, container_id: str) -> bool:
        """Whether nothing but what the list says is known of the container."""
        return container_id in self._partly

    def is_unseen(self, uid: str) -> bool:
        """Whether a container carries this uid of which too little is known to act on."""
        return not self._partly.isdisjoint(self._by_uid.get(uid, ()))

    def has_container(self, uid: str) -> bool:
        """Whether any container carries this uid."""
        return bool(self._by_uid.get(uid))

    def containers_of(self, uid: str) -> list[Container]:
        """Every container that carries this uid."""
        return [self._containers[id_] for id_ in sorted(self._by_uid.get(uid, ()))]

    def put(self, container: Container) -> None:
        """This is how the container is now."""
        self._changes += 1
        self._touched[container.id] = self._changes
        self._set(container)

    def drop(self, container_id: str) -> None:
        """The container is gone."""
        self._changes += 1
        self._touched[container_id] = self._changes
        self._unset(container_id)

    def mark(self) -> int:
        """Where a list begins: what is touched after this is newer than what the list will say."""
        return self._changes

    def keep_only(self, ids: Collection[str], *, mark: int, oldest: int) -> set[str]:
        """A list names these containers; the uids of those that are gone. Looks begun at `oldest` or later
        may still be under way."""
        gone = {id_ for id_ in self._containers if id_ not in ids and self._touched.get(id_, 0) <= mark}
        changed = {labels.identity(self._containers[id_].labels)[0] for id_ in gone}
        self._touched = {id_: change for id_, change in self._touched.items() if change > oldest}
        for id_ in gone:
            self.drop(id_)
        return changed

    def take(self, container_id: str, found: Container | None, *, mark: int) -> set[str]:
        """The answer to a look that was begun at `mark`; the uid, where something had changed."""
        if self._touched.get(container_id, 0) > mark:
            return set()  # what is known is newer
        before, was_partly = self._containers.get(container_id), container_id in self._partly
        subject = found or before
        if found is not None:
            self._set(found)
        else:
            self._unset(container_id)
        is_news = before != found and not was_partly and subject is not None
        return {labels.identity(subject.labels)[0]} if is_news and subject is not None else set()

    def be_silent(self, listed: Listed, *, mark: int) -> bool:
        """The engine, asked at `mark`, does not answer for it: it stays as it was. Whether that is new."""
        if self._touched.get(listed.id, 0) > mark or listed.id in self.silent:
            return False
        if listed.id not in self._containers:
            self._set(listed.partly())
            self._partly.add(listed.id)
        self.silent.add(listed.id)
        return True

    def unknown(self, expected: Collection[strays.Identity]) -> list[Container]:
        """Containers of this cluster that no VPS bound here accounts for; left alone. `expected` are the
        placements that the API has, whether they have been entered here yet or not."""
        mine = {
            container.id
            for entry in self._entries.values()
            if (container := self.container(entry.desired, entry.memory)) is not None
            and labels.is_for(container, entry.desired)
        }
        # What a re-creation has yet to put away.
        notes = (entry.memory.durable.recreation for entry in self._entries.values())
        mine |= {note.old for note in notes if note is not None}
        found = strays.among(
            self._containers.values(), mine=mine, entered=self._entries.keys(), expected=expected
        )
        return sorted(found, key=lambda container: container.name)

    def born_late(self) -> list[Container]:
        """What creates that never answered have brought after their VPS was finished; none ever ran."""
        return [
            container
            for container in self._containers.values()
            if container.state is ContainerState.CREATED
            and (
                container.id in self._ripe
                or self._finished.get(labels.identity(container.labels)) == container.name
            )
        ]

    def note_strays(self, unknown: Iterable[Container], *, lists: int) -> None:
        """Those of no VPS, as of so many lists: what never ran, and stays so, an earlier agent has asked for,
        which is no more."""
        mine = [one.id for one in unknown if strays.never_ran(one)]
        self._strays = {id_: self._strays.get(id_, lists) for id_ in mine}
        self._ripe = {id_ for id_, since in self._strays.items() if lists - since >= RIPE}

    def _set(self, container: Container) -> None:
        self.silent.discard(container.id)
        self._partly.discard(container.id)
        before = self._containers.get(container.id)
        self._containers[container.id] = container
        if container.is_up and (before is None or before.started_at != container.started_at):
            _tell(self.began)
        if not container.is_up and before is not None and before.is_up:
            _tell(self.ended)
        self._by_uid.setdefault(labels.identity(container.labels)[0], set()).add(container.id)

    def _unset(self, container_id: str) -> None:
        self.silent.discard(container_id)
        self._partly.discard(container_id)
        container = self._containers.pop(container_id, None)
        if container is not None:
            uid = labels.identity(container.labels)[0]
            self._by_uid[uid].discard(container_id)
            if not self._by_uid[uid]:
                del self._by_uid[uid]
            if container.is_up:
                _tell(self.ended)


def _tell(listeners: Iterable[Callable[[], None]]) -> None:
    for hear in listeners:
        hear()


def _forget_oldest(kept: dict[Any, Any]) -> None:
    """What is so long ago is no more on its way."""
    while len(kept) > MOST_REMEMBERED:
        del kept[next(iter(kept))]
