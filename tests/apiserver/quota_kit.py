"""What the tests of quotas share: two namespaces, short ways to make quotas and VPSes, and to read them."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api

Json = dict[str, Any]

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
MERGE = {"Content-Type": "application/merge-patch+json"}
VPSES, BYTES = "count/vpses.kohakuriver.io", "kohakuriver.io/object-bytes"
BOB = User("bob", Role.USER, namespaces=("team-b",))
LONG = {  # the names in `spec.hard`
    "vpses": VPSES,
    "bytes": BYTES,
    "cpu": "requests.cpu",
    "short_cpu": "cpu",
    "memory": "requests.memory",
    "gpus": "requests.nvidia.com/gpu",
    "disk": "requests.storage",
}


def a_vps(name: str, namespace: str = "default", **spec: Any) -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": metadata, "spec": spec}


async def create(api: Api, vps: Json, *, user: str = "alice", **options: Any) -> Reply:
    path = kinds.VPS.path(namespace=vps["metadata"]["namespace"])
    return await api.call("POST", path, vps, user=user, **options)


async def change(api: Api, name: str, body: Json, *, user: str = "alice") -> Reply:
    path = kinds.VPS.path(namespace="default", name=name)
    return await api.call("PATCH", path, body, user=user, headers=MERGE)


async def limit(api: Api, namespace: str = "default", name: str = "team", **hard: Any) -> Json:
    """Make a quota; `cpu` stands for `requests.cpu`, and so on."""
    return await api.create(
        kinds.RESOURCE_QUOTA,
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"hard": {LONG[key]: most for key, most in hard.items()}},
        },
    )


async def read_quota(api: Api, name: str = "team", namespace: str = "default", user: str = "alice") -> Json:
    await api.server.cache.fresh()
    reply = await api.get(kinds.RESOURCE_QUOTA.path(namespace=namespace, name=name), user=user)
    assert reply.code == 200, reply.body
    return dict(reply.body)


async def names(api: Api, namespace: str = "default") -> list[str]:
    reply = await api.get(kinds.VPS.path(namespace=namespace))
    return [one["metadata"]["name"] for one in reply.body["items"]]


@contextlib.asynccontextmanager
async def a_team(**hard: Any) -> AsyncIterator[Api]:
    async with running_api(users=(BOB,)) as api:
        await api.create(kinds.NAMESPACE, {"metadata": {"name": "team-b"}})
        if hard:
            await limit(api, **hard)
        yield api
