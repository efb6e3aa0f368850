"""Holds what a write newly sets against the Policies of its namespace; for `creation.py` and `change.py`.

Policies, and the labels by which they choose, are as this server remembers them: a write that races a new
Policy by milliseconds goes by the Policies of before. The commit does not compare them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver import backing
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.policies import judging
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds

Json = dict[str, Any]
Records = Mapping[str, Record | None]


async def check(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    old: Json | None,
    new: Json,
    *,
    known: Records | None = None,
) -> None:
    """Raise Invalid where a Policy forbids what is newly set; `known` are records that were read already."""
    causes: list[errors.Cause] = []
    if resource is kinds.VPS and judging.is_newly_set(old, new):
        namespace = new["metadata"]["namespace"]
        labels = await _labels(server, [namespace], known or {})
        causes += judging.vps(user, old, new, server.policies().of(labels[namespace]))
    elif resource is kinds.TOKEN and old is None and new["spec"].get("namespaces"):
        labels = await _labels(server, new["spec"]["namespaces"], known or {})
        for namespace, found in labels.items():
            causes += judging.token(new, namespace, server.policies().of(found))
    if causes:
        raise objects.invalid(resource, new["metadata"]["name"], *causes)


async def _labels(server: Backing, namespaces: Sequence[str], known: Records) -> dict[str, dict[str, str]]:
    """The labels of namespaces; of one that is not there yet, its name."""
    keys = {namespace: codec.key(kinds.NAMESPACE, None, namespace) for namespace in namespaces}
    missing = [key for key in keys.values() if known.get(key) is None]
    records = {**known, **((await backing.look(server, missing)).records if missing else {})}
    return {
        namespace: {**_labels_in(records[key]), kinds.NAME_LABEL: namespace}
        for namespace, key in keys.items()
    }


def _labels_in(record: Record | None) -> dict[str, str]:
    """What is stored may be nonsense: what cannot be a label chooses nothing."""
    try:
        labels = codec.decode(record)["metadata"].get("labels") if record is not None else None
    except codec.Unreadable:
        return {}
    found = labels.items() if isinstance(labels, dict) else ()
    return {key: value for key, value in found if isinstance(value, str)}
