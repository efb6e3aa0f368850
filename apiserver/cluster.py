"""What is made once with the store: the namespaces every cluster has, the system's with the cluster's id.

Called at start by every API server; whoever comes first writes, the others read what stands there.
"""

import contextlib
import uuid

from kohakuriver import clock as clocks
from kohakuriver.apiserver.admission import admission
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Store, StoreConflict
from kohakuriver.apiserver.store.lineage import History, Lineage
from kohakuriver.resources import kinds


async def open_cluster(lineage: Lineage, clock: clocks.Clock) -> History:
    """The history that the store holds, made now if it is new, and its built-in namespaces."""
    history = await lineage.look()
    for name in kinds.BUILT_IN_NAMESPACES:
        await _ensure_namespace(lineage.store, clock, name, history)
    await _label_namespaces(lineage.store)
    return history


async def _label_namespaces(store: Store) -> None:
    """Those that an older version has made. What somebody else changes meanwhile has its label by that."""
    page = await store.list(codec.prefix(kinds.NAMESPACE))
    for record in page.records:
        with contextlib.suppress(StoreConflict, *codec.NONSENSE):
            namespace = codec.decode(record)
            name = namespace["metadata"]["name"]
            if (namespace["metadata"].get("labels") or {}).get(kinds.NAME_LABEL) != name:
                admission.label_namespace(namespace)
                put = Put(record.key, codec.encode(namespace))
                await store.commit(expect={record.key: record.revision}, writes=[put])


async def _ensure_namespace(store: Store, clock: clocks.Clock, name: str, history: History) -> None:
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
            "labels": {kinds.NAME_LABEL: name},
            **(
                {"annotations": {kinds.CLUSTER_ID_ANNOTATION: history.cluster_id}}
                if name == kinds.SYSTEM_NAMESPACE
                else {}
            ),
        },
        "spec": {},
        "status": {"phase": "Active"},
    }
    with contextlib.suppress(StoreConflict):
        await store.commit(expect={key: 0}, writes=[Put(key, codec.encode(namespace))])
