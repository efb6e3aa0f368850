"""What the controller knows of the cluster: its informers, and a fresh look where they may be behind.

Listeners hear keys; who reconciles reads the objects here. After a write whose outcome is refused or
unknown the object is read anew and laid over, so that the next decision does not repeat the last one's
mistake.
"""

import asyncio
import random
from typing import Any

from kohakuriver import errors, image_name
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import Clock
from kohakuriver.controller.deciding import readable, view
from kohakuriver.placement import origin
from kohakuriver.resources.kinds import (
    ENVIRONMENT,
    LEASE,
    NODE,
    NODE_ALLOCATION,
    NODE_LEASE_NAMESPACE,
    RESOURCE_QUOTA,
    SNAPSHOT,
    VPS,
)

Object = dict[str, Any]


class World:
    """What there is of each kind that the controller looks at, as of a moment ago."""

    def __init__(self, client: Client, *, clock: Clock, chance: random.Random) -> None:
        self._client = client
        self.vpses = Informer(client, VPS, clock=clock, chance=chance, readable=readable.vps)
        self.nodes = Informer(client, NODE, clock=clock, chance=chance, readable=readable.node)
        self.allocations = Informer(
            client, NODE_ALLOCATION, clock=clock, chance=chance, readable=readable.allocation
        )
        self.leases = Informer(client, LEASE, clock=clock, chance=chance, readable=readable.lease)
        self.environments = Informer(
            client, ENVIRONMENT, clock=clock, chance=chance, readable=readable.environment
        )
        self.quotas = Informer(client, RESOURCE_QUOTA, clock=clock, chance=chance, may_be_unknown=True)
        self.snapshots = Informer(
            client, SNAPSHOT, clock=clock, chance=chance, readable=readable.snapshot, may_be_unknown=True
        )
        self.all = (
            self.vpses,
            self.nodes,
            self.allocations,
            self.leases,
            self.environments,
            self.quotas,
            self.snapshots,
        )

    async def run(self) -> None:
        """Follow all kinds for ever."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self.all:
                tasks.create_task(informer.run(), name=f"informer of {informer.resource.plural}")

    async def wait_synced(self) -> None:
        """Until every kind has been listed once."""
        for informer in self.all:
            await informer.wait_synced()

    async def reconnect(self) -> None:
        """This controller has slept: its connections may be dead, and nothing would say so for long."""
        await self._client.reconnect()

    def node(self, name: str) -> Object | None:
        return self.nodes.get(ObjectKey("", name))

    def lease(self, node: str) -> Object | None:
        """The Lease that this node renews."""
        return self.leases.get(ObjectKey(NODE_LEASE_NAMESPACE, node))

    def request_of(
        self, vps: view.Object, *, is_limited: bool, homes: tuple[str, ...] = ()
    ) -> view.VPSRequest:
        """What this VPS asks for, with the image that its Environment stands for and
        the Snapshot that it begins from; `is_limited` says whether a
        quota limits what its namespace books, `homes` which nodes keep volumes of it."""
        account = vps["metadata"]["namespace"] if is_limited else ""
        begins = origin.origin_of(vps, self.snapshot_of(vps))
        name = vps["spec"].get("environment")
        if not name:
            return view.request_of(vps, account=account, homes=homes, origin=begins)
        environment = self.environments.get(ObjectKey("", name))
        image = image_name.of_environment(environment) if environment is not None else ""
        return view.request_of(vps, image=image, account=account, homes=homes, origin=begins)

    def snapshot_of(self, vps: view.Object) -> Object | None:
        """The Snapshot that this VPS begins from."""
        return self.snapshots.get(ObjectKey(vps["metadata"]["namespace"], origin.named_by(vps)))

    async def look_at_vps(self, key: ObjectKey) -> None:
        """Read one VPS anew. An error leaves it to the watch."""
        await self._look(self.vpses, key)

    async def look_at_node(self, name: str) -> None:
        """Read a Node and what is booked on it anew. An error leaves them to the watch."""
        await self._look(self.nodes, ObjectKey("", name))
        await self._look(self.allocations, ObjectKey("", name))

    async def _look(self, informer: Informer, key: ObjectKey) -> None:
        try:
            found = await self._client.get(informer.resource, key.name, namespace=key.namespace or None)
        except errors.NotFound:
            informer.drop(key)
        except errors.KohakuRiverError:
            return
        else:
            informer.overlay(found)
