"""Events that the server itself writes, with what they tell of. Pure but for their names."""

import uuid
from typing import Any

from kohakuriver.apiserver.admission import admission
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds

Json = dict[str, Any]

COMPONENT = "apiserver"


def warning(about: Json, *, reason: str, message: str, now: str, kind: kinds.ResourceType = kinds.VPS) -> Put:
    """Something happened to an object that somebody may have to know."""
    return _notice("Warning", about["metadata"], reason=reason, message=message, now=now, kind=kind)


def normal(fields: Json, *, reason: str, message: str, now: str) -> Put:
    """Something went as it should with a VPS of that namespace, name and uid, which may be gone."""
    return _notice("Normal", fields, reason=reason, message=message, now=now, kind=kinds.VPS)


def _notice(
    type_: str, fields: Json, *, reason: str, message: str, now: str, kind: kinds.ResourceType
) -> Put:
    namespace = fields.get("namespace") or kinds.DEFAULT_NAMESPACE
    name = f"{fields['name']}.{uuid.uuid4().hex[:16]}"
    event = {
        "apiVersion": kinds.EVENT.api_version,
        "kind": kinds.EVENT.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": now,
        },
        "involvedObject": {
            "apiVersion": kinds.API_VERSION,
            "kind": kind.kind,
            "name": fields["name"],
            "uid": fields.get("uid", ""),
            **({"namespace": namespace} if kind.namespaced else {}),
        },
        "type": type_,
        "reason": reason,
        "message": message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    key = codec.key(kinds.EVENT, namespace, name)
    return Put(key, codec.encode(event), ttl=admission.EVENT_LIFETIME)
