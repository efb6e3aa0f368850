"""Which objects have a value in a field that is asked for often: VPSes and Snapshots of a node, events of
a VPS.

A thousand agents that list after a restart would otherwise each look at every VPS there is.
"""

from collections.abc import Sequence

from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

INDEXED: dict[ResourceType, tuple[str, ...]] = {
    kinds.VPS: ("status.assignment.node",),
    kinds.SNAPSHOT: ("spec.vps.node", "spec.vps.name"),
    kinds.LEASE: ("metadata.namespace",),
    kinds.EVENT: ("involvedObject.name", "involvedObject.uid"),
}


class Index:
    """Keys by the values of the indexed fields of one kind."""

    def __init__(self, resource: ResourceType) -> None:
        self._keys: dict[str, dict[str, set[str]]] = {field: {} for field in INDEXED.get(resource, ())}

    def find(self, pin: tuple[str, str] | None) -> Sequence[str] | None:
        """The keys with that value in that field, in order; None where the field is not indexed."""
        if pin is None or pin[0] not in self._keys:
            return None
        return sorted(self._keys[pin[0]].get(pin[1], ()))

    def move(self, key: str, before: Entry | None, after: Entry | None) -> None:
        """An object has changed, come or gone."""
        for field, by_value in self._keys.items():
            old = before.fields.get(field, "") if before is not None else None
            new = after.fields.get(field, "") if after is not None else None
            if old == new:
                continue
            if old is not None:
                by_value[old].discard(key)
                if not by_value[old]:
                    del by_value[old]
            if new is not None:
                by_value.setdefault(new, set()).add(key)
