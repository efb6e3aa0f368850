"""One object as the cache keeps it: its JSON, and what selectors may ask of it.

The JSON is encoded once, with its resourceVersion, and shared by every list and watch that shows the
object. The decoded form is not kept: it is several times as large, and only tables need it.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson

from kohakuriver.apiserver.cache.turns import Turn, turn_of
from kohakuriver.apiserver.objects import selectors
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources.kinds import ResourceType


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One object at one revision."""

    key: str
    uid: str
    revision: int
    raw: bytes
    labels: Mapping[str, str]
    fields: Mapping[str, str]
    owners: tuple[str, ...] = ()  # uids
    turn: Turn | None = None  # of a VPS that waits for a node

    def matches(self, selection: selectors.Selection) -> bool:
        return selection.matches(self.labels, self.fields)

    def decoded(self) -> dict[str, Any]:
        """The object; a new one each time."""
        obj: dict[str, Any] = orjson.loads(self.raw)
        return obj

    def at(self, revision: int) -> bytes:
        """This object's JSON as it is sent when it goes: with the revision that took it away."""
        obj = self.decoded()
        obj["metadata"]["resourceVersion"] = str(revision)
        return orjson.dumps(obj)


def entry_of(resource: ResourceType, record: Record) -> Entry:
    """A record of the store as an entry. Raises `codec.Unreadable` for what cannot be listed, selected and
    sent like any other; what else an object may have wrong is looked at by who reads it."""
    obj = codec.decode(record)
    try:
        metadata = obj["metadata"]
        if codec.key(resource, metadata.get("namespace"), metadata["name"]) != record.key:
            raise ValueError("it says that it is another")
        return Entry(
            key=record.key,
            uid=_text(metadata.get("uid") or ""),
            revision=record.revision,
            raw=orjson.dumps(obj),
            labels={key: _text(value) for key, value in (metadata.get("labels") or {}).items()},
            fields=selectors.fields_of(resource, obj),
            owners=tuple(_text(owner["uid"]) for owner in metadata.get("ownerReferences") or ()),
            turn=turn_of(resource, obj, key=record.key, created=record.created),
        )
    except codec.NONSENSE as error:
        raise codec.Unreadable(record.key, error) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, and {str(value)[:40]} is none")
    return value
