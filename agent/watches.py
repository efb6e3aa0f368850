"""What one node watches: its own Node and bookings, the VPSes bound to it, environments, its Snapshots."""

import asyncio
import random
from collections.abc import Callable

from kohakuriver.agent import readable
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer, Witness
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType


class Watches:
    """The informers of an agent; each tells the witness of what it lists before anybody sees it."""

    def __init__(
        self, client: Client, *, node: str, clock: Clock, chance: random.Random, witness: Witness
    ) -> None:
        def informer(
            resource: ResourceType, read: Callable[[Object], Object], *, fields: str = ""
        ) -> Informer:
            return Informer(
                client,
                resource,
                clock=clock,
                chance=chance,
                field_selector=fields,
                witness=witness,
                readable=read,
            )

        self.vpses = informer(kinds.VPS, readable.vps, fields=f"status.assignment.node={node}")
        self.nodes = informer(kinds.NODE, readable.node, fields=f"metadata.name={node}")
        self.allocations = informer(
            kinds.NODE_ALLOCATION, readable.allocation, fields=f"metadata.name={node}"
        )
        self.environments = informer(kinds.ENVIRONMENT, readable.environment)
        self.snapshots = informer(kinds.SNAPSHOT, readable.snapshot, fields=f"spec.vps.node={node}")

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """All of them, from now on."""
        for informer in (self.vpses, self.nodes, self.allocations, self.environments, self.snapshots):
            tasks.create_task(informer.run(), name=f"watch {informer.resource.plural}")

    async def wait_for_assignments(self) -> None:
        """Until it is known what belongs on this node: nothing is touched before."""
        for informer in (self.vpses, self.nodes, self.allocations):
            await informer.wait_synced()
