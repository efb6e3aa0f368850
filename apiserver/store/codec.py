"""Between objects and what the store keeps: keys, and JSON without `metadata.resourceVersion`.

The store's revision of a key is its object's resourceVersion, so it is put in when a record is read and
taken out when an object is written. Pure; never talks to the store.
"""

from typing import Any

import orjson

from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources.kinds import ResourceType

NONSENSE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)  # what reading it raises

REGISTRY = "registry/"
TICKS = "registry/.tick/"
REVOKED = "registry/.revoked/"
HISTORY = "registry/.history"
CODES = "registry/.codes/"
QUOTA_TURNS = "registry/.quotaturns/"
CLUSTER = "meta/cluster"
COMPACTION = "meta/compaction"
LOADING = "meta/loading"  # while a backup is being loaded
PROOF = "meta/proof"


def key(resource: ResourceType, namespace: str | None, name: str) -> str:
    """The key of one object."""
    return prefix(resource, namespace) + name


def prefix(resource: ResourceType, namespace: str | None = None) -> str:
    """What the keys of a kind start with, in one namespace or in all."""
    if resource.namespaced and namespace:
        return f"{REGISTRY}{resource.plural}/{namespace}/"
    return f"{REGISTRY}{resource.plural}/"


def plural_of(whole_key: str) -> str:
    """The plural that a registry key is filed under; empty for keys of other kinds, such as ticks."""
    if not whole_key.startswith(REGISTRY):
        return ""
    return whole_key[len(REGISTRY) :].partition("/")[0]


class Unreadable(ValueError):
    """A key of the store holds no object."""

    def __init__(self, key: str, why: object) -> None:
        super().__init__(f"{key} holds no object: {why}")
        self.key = key


def decode(record: Record) -> dict[str, Any]:
    """The object in a record, with its resourceVersion. Raises Unreadable."""
    try:
        obj: dict[str, Any] = orjson.loads(record.value)
        obj["metadata"]["resourceVersion"] = str(record.revision)
    except NONSENSE as error:
        raise Unreadable(record.key, error) from error
    return obj


def encode(obj: dict[str, Any]) -> bytes:
    """An object as the store keeps it."""
    metadata = {field: value for field, value in obj["metadata"].items() if field != "resourceVersion"}
    return orjson.dumps({**obj, "metadata": metadata})
