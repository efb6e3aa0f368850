"""What tests of placement add to the agent's kit: lost nodes, drains, machines with NUMA nodes and GPUs."""

import json
from pathlib import Path
from typing import Any

from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, Node

MERGE = {"Content-Type": "application/merge-patch+json"}


def a_sysfs(folder: Path, *cpusets: str) -> Path:
    """A sysfs tree of a machine with these NUMA nodes."""
    online = folder / "devices/system/cpu/online"
    online.parent.mkdir(parents=True)
    online.write_text(",".join(cpusets) + "\n")
    for number, cpuset in enumerate(cpusets):
        node = folder / f"devices/system/node/node{number}"
        node.mkdir(parents=True)
        (node / "cpulist").write_text(f"{cpuset}\n")
        (node / "meminfo").write_text(f"Node {number} MemTotal:        8388608 kB\n")
    return folder


def gpus(file: Path, *uuids: str, **more: Any) -> Path:
    """An inventory of these GPUs."""
    rows = [{"index": index, "uuid": uuid, "model": "A100", **more} for index, uuid in enumerate(uuids)]
    file.write_text(json.dumps(rows))
    return file


async def lose(node: Node, name: str = "dev") -> None:
    """What the controller writes when the node is silent."""
    body = {"status": {"unreachableSince": "2026-01-01T00:00:00Z"}}
    reply = await node.api.call("PATCH", f"{node.paths}/{name}/status", body, user="admin", headers=MERGE)
    assert reply.code == 200, reply.body


async def drain(node: Node, is_drained: bool | None) -> None:
    """What `kohakuriver node drain` and `uncordon` write."""
    path = kinds.NODE.path(name=node.name)
    reply = await node.api.call("PATCH", path, {"spec": {"drain": is_drained}}, headers=MERGE)
    assert reply.code == 200, reply.body


async def bookings(node: Node) -> Json:
    reply = await node.api.get(kinds.NODE_ALLOCATION.path(name=node.name))
    return dict(reply.body.get("bookings") or {}) if reply.code == 200 else {}


async def status_of_node(node: Node) -> Json:
    reply = await node.api.get(kinds.NODE.path(name=node.name))
    return dict(reply.body["status"])


def condition(vps: Json, type_: str) -> Json:
    """A condition of the VPS; empty where it has none such."""
    return next((one for one in vps["status"].get("conditions") or [] if one["type"] == type_), {})
