"""The page about a VPS or a node, as `describe` and `node status` have it, of what the watches brought."""

import datetime

from kohakuriver.cli.kubectl import describe
from kohakuriver.cli.node import status as node_status
from kohakuriver.cli.tui.dashboard.world import World
from kohakuriver.client.watch import ObjectKey
from kohakuriver.resources import kinds


def vps(world: World, key: ObjectKey, now: datetime.datetime) -> str:
    found = world.vpses.objects.get(key)
    if found is None:
        return f"{key.name} is gone."
    return "\n".join(describe.page(found, kinds.VPS, world.events_of(found) or [], now))


def node(world: World, key: ObjectKey, now: datetime.datetime) -> str:
    found, allocations = world.nodes.objects.get(key), world.allocations
    if found is None:
        return f"{key.name} is gone."
    allocation = None if allocations is None else allocations.get(key.name, {})
    return "\n".join(node_status.page(found, allocation, [], now))
