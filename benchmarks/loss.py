"""How long a node is silent before it is said to be lost, with the times as shipped, on a real controller.

    python -m benchmarks.loss [--rounds 4]

etcd, an API server and a controller as real processes; the nodes are simulated: they renew their Leases as
agents do, and stop at different moments between two renewals. The clock starts at the last renewal of a node
and stops when a watch shows it as not ready. Each was heard a few times before: one that the controller has
not heard yet is given a minute.
"""

import argparse
import asyncio
import contextlib
import datetime
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import _programs
from benchmarks._figures import table
from kohakuriver import errors
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer
from kohakuriver.clock import SystemClock, micro_timestamp
from kohakuriver.resources.kinds import LEASE, NODE, NODE_LEASE_NAMESPACE

NODES = 3  # of four, most vanishing at once would be given another minute
RENEW = 3.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder,
        _programs.running(Path(folder)) as programs,
    ):
        programs.start_controller()
        silences = asyncio.run(_measure(programs, rounds))
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


async def _measure(programs: _programs.Programs, rounds: int) -> list[float]:
    """Seconds of silence, of each node in each round."""
    connection = programs.connection("admin")
    async with Client(connection, program="benchmark") as client, asyncio.TaskGroup() as group:
        nodes = [_Node(client, f"n{number}") for number in range(NODES)]
        informer = Informer(client, NODE, clock=SystemClock())
        informer.listen(lambda key: nodes[int(key.name[1:])].is_seen(informer.get(key)))
        following = group.create_task(informer.run())
        found: list[float] = []
        for turn in range(rounds):
            lives = (3 + (turn * NODES + number) / (rounds * NODES) for number in range(NODES))
            found += await asyncio.gather(
                *(node.dies_after(periods * RENEW) for node, periods in zip(nodes, lives, strict=True))
            )
        following.cancel()
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
