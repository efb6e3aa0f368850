"""VPSes as they stand in the store at each phase, and short ways to put them there and to watch."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType
from tests.apiserver.api import Api

Json = dict[str, Any]

UID = "0f1e2d3c-0000-4000-8000-000000000001"
PODS = "/api/v1/namespaces/default/pods"


def a_vps(
    name: str = "dev",
    phase: str = "running",
    *,
    node: str = "n1",
    epoch: int = 1,
    state: str | None = None,
    namespace: str = "default",
    labels: Json | None = None,
    **spec: Any,
) -> Json:
    """A VPS as stored. Without a node (`node=""`) it is bound to none."""
    observed = {
        "epoch": epoch,
        "state": state or phase,
        "container": {
            "id": "c" * 64,
            "image": "debian:12",
            "startedAt": "2026-01-01T00:00:05Z",
            "restarts": 2,
        },
    }
    placed = {"node": node, "epoch": epoch, "id": "a1", "boundAt": "2026-01-01T00:00:01Z", "grant": {}}
    bound = {"assignment": placed, "observed": observed}
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "VPS",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": UID,
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": labels or {},
        },
        "spec": {
            "image": "debian:12",
            "runState": "Running",
            "restartPolicy": "Always",
            "resources": {"cores": 0.5, "memory": "1Gi"},
            **spec,
        },
        "status": {"phase": phase, "epoch": epoch if node else epoch - 1, **(bound if node else {})},
    }


def a_node(name: str = "n1", **spec: Any) -> Json:
    """A Node as stored."""
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec,
        "status": {
            "capacity": {"cores": "4", "memory": "8Gi"},
            "allocatable": {"cores": "3500m", "memory": "7Gi"},
            "gpus": [{"index": 0, "uuid": "GPU-1", "healthy": True}],
            "images": ["secret-project:1"],
            "volumes": [{"namespace": "team-b", "vps": "x", "name": "data"}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "LeaseRenewed", "message": "fine"}],
            "nodeInfo": {"kernelVersion": "6.1", "agentVersion": "0.9", "runtimeVersion": "docker 20"},
        },
    }


async def put(api: Api, resource: ResourceType, obj: Json) -> str:
    """Store an object as it is, past every rule; the revision of that, once the server has heard of it."""
    key = codec.key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
    await api.store.commit(expect={}, writes=[Put(key, codec.encode(obj))])
    return str(await api.server.cache.fresh())


async def remove(api: Api, resource: ResourceType, obj: Json) -> None:
    key = codec.key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
    await api.store.commit(expect={}, writes=[Delete(key)])


@contextlib.asynccontextmanager
async def watching(api: Api, path: str, **query: str) -> AsyncIterator[Any]:
    """A function that gives a watch's next event, as its type and its object."""
    options = {"timeout": None, "params": {"watch": "1", **query}, "headers": api.headers("admin")}
    async with api.session.get(api.url + path, **options) as reply:
        assert reply.status == 200, await reply.text()

        async def following() -> tuple[str, Json]:
            event = orjson.loads(await reply.content.readline())
            return event["type"], event["object"]

        yield following


def names(listed: Json) -> list[str]:
    """The names of a list's items, or of a Table's rows."""
    rows = [row["object"] for row in listed.get("rows", ())] or listed.get("items", ())
    return [one["metadata"]["name"] for one in rows]
