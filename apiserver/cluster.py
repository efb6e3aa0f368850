"""What is made once with the store: the cluster's identity and the namespaces every cluster has.

Called at start by every API server; whoever comes first writes, the others read what stands there.
"""

import contextlib
import dataclasses
import uuid

import orjson

from apiserver import codec
from apiserver.store.base import Put, Record, Store, StoreConflict
from kohakuriver import clock as clocks
from kohakuriver.resources import kinds


@dataclasses.dataclass(frozen=True)
class Cluster:
    """`id` never changes; `history_id` does when a backup is restored."""

    id: str
    history_id: str


async def open_cluster(store: Store, clock: clocks.Clock) -> Cluster:
    """The identity that the store holds, made now if it is new, and its built-in namespaces."""
    record = await store.get(codec.CLUSTER)
    if record is None:
        value = orjson.dumps({"id": str(uuid.uuid4()), "historyId": str(uuid.uuid4())})
        with contextlib.suppress(StoreConflict):
            await store.commit(expect={codec.CLUSTER: 0}, writes=[Put(codec.CLUSTER, value)])
        record = await store.get(codec.CLUSTER)
    cluster = _parse(record)
    for name in kinds.BUILT_IN_NAMESPACES:
        await _ensure_namespace(store, clock, name, cluster)
    return cluster


def _parse(record: Record | None) -> Cluster:
    if record is None:
        raise RuntimeError(f"{codec.CLUSTER} disappeared from the store while this server started")
    content = orjson.loads(record.value)
    return Cluster(id=content["id"], history_id=content["historyId"])


async def _ensure_namespace(store: Store, clock: clocks.Clock, name: str, cluster: Cluster) -> None:
    key = codec.key(kinds.NAMESPACE, None, name)
    if await store.get(key) is not None:
        return
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": clocks.timestamp(clock.now()),
            "labels": {"kubernetes.io/metadata.name": name},
            **(
                {"annotations": {kinds.CLUSTER_ID_ANNOTATION: cluster.id}}
                if name == kinds.SYSTEM_NAMESPACE
                else {}
            ),
        },
        "spec": {},
        "status": {"phase": "Active"},
    }
    with contextlib.suppress(StoreConflict):
        await store.commit(expect={key: 0}, writes=[Put(key, codec.encode(namespace))])
