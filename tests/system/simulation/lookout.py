"""Looks at the cluster twice a second: whoever is silent is marked in time, whatever else goes on.

The time is counted from the last renewal of a node's Lease, or from when it was marked last, and only while
nothing is wrong with the control plane itself and its leader has had time to be one.
"""

import asyncio
from typing import TYPE_CHECKING

from kohakuriver.apiserver.store import codec
from kohakuriver.controller.deciding.nodes import Limits
from kohakuriver.resources import kinds

if TYPE_CHECKING:
    from tests.system.simulation.cluster import Cluster

EVERY = 0.5  # seconds
WITHIN = 12.0  # seconds from the last renewal to the mark
SETTLED = 30.0  # seconds that the control plane is given after a fault of its own: an election, and new ages
EXCUSED = SETTLED + Limits().hold + WITHIN + 2.0  # where a node was not heard since: nobody can tell its age


class Lookout:
    """Of one cluster."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._renewed: dict[str, tuple[int, float]] = {}  # by node: the Lease's revision, and since when
        self._marked: dict[str, float] = {}  # by node: when it was last seen to be
        self._whole_since = 0.0

    def disturbed(self) -> None:
        """Something befell the control plane."""
        self._whole_since = asyncio.get_running_loop().time()

    def silence(self, node: str) -> float:
        """Seconds since it renewed its Lease."""
        return asyncio.get_running_loop().time() - self._renewed.get(node, (0, 0.0))[1]

    async def run(self) -> None:
        while True:
            self.step()
            await asyncio.sleep(EVERY)

    def step(self) -> None:
        cluster, now = self._cluster, asyncio.get_running_loop().time()
        if not cluster.control_is_whole:
            self.disturbed()
        for node in cluster.machines:
            lease = codec.key(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE, node)
            revision = cluster.store.revisions(lease).get(lease, 0)
            if self._renewed.get(node, (-1, 0.0))[0] != revision:
                self._renewed[node] = revision, now
            if self.silence(node) > WITHIN + EVERY and self._is_marked(node):
                self._marked[node] = now  # one that thaws may say that it is Ready before it renews
            unmarked = min(self.silence(node), now - self._marked.get(node, 0.0))
            was_heard = now - self.silence(node) > self._whole_since + SETTLED
            patience = SETTLED if was_heard else EXCUSED
            in_time = unmarked <= WITHIN + EVERY or now - self._whole_since < patience
            cluster.rules.demand(in_time, "a silent node is not marked", node, f"{unmarked:.1f} s")

    def _is_marked(self, node: str) -> bool:
        key = codec.key(kinds.NODE, None, node)
        found = self._cluster.store.objects(key).get(key) or {}
        conditions = (found.get("status") or {}).get("conditions") or ()
        return not any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
