"""The VPSes bound to this node and the containers of this cluster, as last seen. Decides nothing.

A container is a VPS's by its labels **and** its name: labels alone are inherited by images committed from
it. One that was known by its id stays known when somebody renames it.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator

from agent.deciding import labels, strays
from agent.deciding.desired import Desired
from agent.deciding.memory import Durable, Memory
from agent.runtime.base import Container, ContainerState
from kohakuriver.client.watch import ObjectKey


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
    late: bool = False  # a create timed out: its container may be born later


class Roster:
    """Entries by uid, containers by id."""

    def __init__(self) -> None:
        self.missed = 0  # changes that a list found and no event had told of
        self._entries: dict[str, Entry] = {}
        self._containers: dict[str, Container] = {}
        self._by_uid: dict[str, set[str]] = {}
        self._changes = 0
        self._touched: dict[str, int] = {}  # container id -> the change that touched it last
        self._finished: dict[
            tuple[str, str], str
        ] = {}  # (uid, epoch) -> container name, if one may be born late
        self._over: set[tuple[str, int]] = set()  # placements that were given up, and are no more here

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

    def end(self, uid: str, epoch: int) -> None:
        """A placement was given up and nothing of it is here: it does not come back, whatever a watch that
        is behind says of it once its tombstone is gone."""
        self._over.add((uid, epoch))

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

    def containers(self) -> list[Container]:
        """Every container of this cluster."""
        return list(self._containers.values())

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

    def replace(self, containers: Iterable[Container], *, mark: int) -> set[str]:
        """Take a whole list in; the uids whose containers turned out to have changed."""
        listed = {container.id: container for container in containers}
        changed: set[str] = set()
        for id_ in {*listed, *self._containers}:
            if self._touched.get(id_, 0) > mark:
                continue
            before, after = self._containers.get(id_), listed.get(id_)
            if before == after:
                continue
            subject = after or before
            if subject is not None:
                changed.add(labels.identity(subject.labels)[0])
            if after is not None:
                self._set(after)
            else:
                self._unset(id_)
        self._touched = {id_: change for id_, change in self._touched.items() if change > mark}
        return changed

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
            and self._finished.get(labels.identity(container.labels)) == container.name
        ]

    def _set(self, container: Container) -> None:
        self._containers[container.id] = container
        self._by_uid.setdefault(labels.identity(container.labels)[0], set()).add(container.id)

    def _unset(self, container_id: str) -> None:
        container = self._containers.pop(container_id, None)
        if container is not None:
            self._by_uid[labels.identity(container.labels)[0]].discard(container_id)
