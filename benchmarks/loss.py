"""How long a node is silent before it is said to be lost, with the times as shipped, on a real controller.

    python -m benchmarks.loss [--rounds 4] [--nodes 5000 --wishes 250]

etcd, an API server and a controller as real processes; the nodes are simulated: they renew their Leases as
agents do, and stop at different moments between two renewals. The clock starts at the last renewal of a node
and stops when a watch shows it as not ready. Each was heard a few times before: one that the controller has
not heard yet is given a minute.

`--nodes` puts others beside them, which have said that they will not be heard for hours, and one of which is
cordoned and uncordoned all the time; `--wishes` lets so many VPSes wait, each for memory that no node has.
"""

import argparse
import asyncio
import contextlib
import datetime
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import _programs
from benchmarks._figures import table
from kohakuriver import errors
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import SystemClock, micro_timestamp
from kohakuriver.resources.kinds import LEASE, NODE, NODE_LEASE_NAMESPACE, VPS

NODES = 3  # of four, most vanishing at once would be given another minute
RENEW = 3.0  # seconds
AT_ONCE = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--nodes", type=int, default=0, help="others beside those that die")
    parser.add_argument("--wishes", type=int, default=0, help="VPSes that wait, each for something else")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder,
        _programs.running(Path(folder)) as programs,
    ):
        asyncio.run(_fill(programs, options.nodes, options.wishes))
        programs.start_controller()
        silences = asyncio.run(_measure(programs, options.rounds, others=options.nodes))
    ordered = sorted(silences)
    table(
        f"A node dies, {len(ordered)} times",
        [
            ("what", "shortest", "median", "longest"),
            (
                "last renewal → shown as not ready",
                *(f"{ordered[place]:.2f} s" for place in (0, len(ordered) // 2, -1)),
            ),
        ],
    )


async def _fill(programs: _programs.Programs, nodes: int, wishes: int) -> None:
    """The other nodes, and those that wait."""
    async with Client(programs.connection("admin"), program="benchmark", timeout=60) as client:
        slots = asyncio.Semaphore(AT_ONCE)

        async def node(number: int) -> None:
            async with slots:
                await _register(client, f"other{number:05}")

        async def vps(number: int) -> None:
            resources = {"cores": "1", "memory": f"{100 + number}Gi"}
            metadata = {"name": f"w{number:05}", "namespace": "default"}
            made = {"apiVersion": VPS.api_version, "kind": VPS.kind, "metadata": metadata}
            async with slots:
                await client.create(VPS, made | {"spec": {"image": "i", "resources": resources}})

        await asyncio.gather(*map(node, range(nodes)), *map(vps, range(wishes)))


async def _register(client: Client, name: str) -> None:
    await client.create(NODE, {"apiVersion": NODE.api_version, "kind": NODE.kind, "metadata": {"name": name}})
    ready = {"type": "Ready", "status": "True", "reason": "AgentReady", "message": ""}
    status = {"conditions": [ready], "allocatable": {"cores": "8", "memory": "16Gi"}}
    await client.patch(NODE, name, {"status": status}, subresource="status")
    metadata = {"name": name, "namespace": NODE_LEASE_NAMESPACE}
    spec = {"holderIdentity": name, "leaseDurationSeconds": 86_400}
    lease = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
    await client.create(LEASE, lease)


async def _change_forever(client: Client, name: str) -> None:
    for number in itertools.count():
        await client.patch(NODE, name, {"spec": {"unschedulable": number % 2 == 0}})
        await asyncio.sleep(1)


async def _measure(programs: _programs.Programs, rounds: int, *, others: int) -> list[float]:
    """Seconds of silence, of each node in each round."""
    connection = programs.connection("admin")
    async with Client(connection, program="benchmark") as client, asyncio.TaskGroup() as group:
        nodes = [_Node(client, f"n{number}") for number in range(NODES)]
        informer = Informer(client, NODE, clock=SystemClock())
        known = {node.name: node for node in nodes}

        def seen(key: ObjectKey) -> None:
            if key.name in known:
                known[key.name].is_seen(informer.get(key))

        informer.listen(seen)
        following = [group.create_task(informer.run())]
        if others:
            following.append(group.create_task(_change_forever(client, "other00000")))
        found: list[float] = []
        for turn in range(rounds):
            lives = (3 + (turn * NODES + number) / (rounds * NODES) for number in range(NODES))
            found += await asyncio.gather(
                *(node.dies_after(periods * RENEW) for node, periods in zip(nodes, lives, strict=True))
            )
        for task in following:
            task.cancel()
    return found


class _Node:
    """A node that is nothing but its heartbeat."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self._client = client
        self._is_ready, self._is_lost, self._is_dead = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def is_seen(self, body: dict[str, Any] | None) -> None:
        """What a watch shows of it."""
        conditions = (body or {}).get("status", {}).get("conditions") or []
        status = next((one["status"] for one in conditions if one["type"] == "Ready"), "")
        (self._is_ready if status == "True" else self._is_lost).set()
        (self._is_lost if status == "True" else self._is_ready).clear()

    async def dies_after(self, seconds: float) -> float:
        """It lives for so long, then falls silent; for how long, when it is said to be lost."""
        self._is_dead.clear()
        living = asyncio.create_task(self._live())
        await self._report_ready()
        await self._is_ready.wait()
        await asyncio.sleep(seconds)
        self._is_dead.set()
        renewed = await living
        await self._is_lost.wait()
        return time.monotonic() - renewed

    async def _live(self) -> float:
        """Until it is dead; when it sent its last renewal."""
        while True:
            renewed = time.monotonic()
            await self._renew()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW):
                    await self._is_dead.wait()
                return renewed

    async def _report_ready(self) -> None:
        with contextlib.suppress(errors.AlreadyExists):
            made = {"apiVersion": NODE.api_version, "kind": NODE.kind, "metadata": {"name": self.name}}
            await self._client.create(NODE, made)
        ready = {"type": "Ready", "status": "True", "reason": "AgentReady", "message": ""}
        status = {"conditions": [ready]}
        await self._client.patch(NODE, self.name, {"status": status}, subresource="status")

    async def _renew(self) -> None:
        metadata = {"name": self.name, "namespace": NODE_LEASE_NAMESPACE}
        spec = {
            "holderIdentity": self.name,
            "leaseDurationSeconds": 10,
            "renewTime": micro_timestamp(datetime.datetime.now(datetime.UTC)),
        }
        renewal = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
        try:
            await self._client.patch(LEASE, self.name, renewal, namespace=NODE_LEASE_NAMESPACE)
        except errors.NotFound:
            await self._client.create(LEASE, renewal)


if __name__ == "__main__":
    main()
