"""How many VPSes a second get a node: 1,000 simulated nodes, a real API server, real etcd, a real controller.

Three runs. *Drain*: everything is applied first, then the controller starts and works the queue off.
*Stream*: the controller runs while the VPSes are applied as fast as they are taken. *Leave*: the same, while
one node in ten leaves (its Node object goes, what is booked there stays) and comes back. A binding counts
when a watch shows it, so when etcd has committed it. At the end the allocations are added up: nothing may be
booked twice.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import _figures, _programs
from kohakuriver import quantity
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import SystemClock, timestamp
from kohakuriver.resources import kinds

CORES, MEMORY = 64, "256Gi"
AT_ONCE = 32
RUNS = ("drain", "stream", "leave")
PATIENT = ("--loss-timeout", "10m", "--hold", "10m")  # the simulated nodes renew no Lease


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--vpses", type=int, default=5000)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=RUNS)
    options = parser.parse_args()
    rows = [("what", "creates/s", "bindings/s", "create → bound p50", "p99", "controller", "API server")]
    for run in options.runs:
        with (
            tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder,
            _programs.running(Path(folder)) as programs,
        ):
            rows.append(asyncio.run(_measure(programs, run, nodes=options.nodes, vpses=options.vpses)))
    _figures.table(f"{options.vpses:,} VPSes on {options.nodes:,} simulated nodes", rows)


async def _measure(programs: _programs.Programs, run: str, *, nodes: int, vpses: int) -> tuple[str, ...]:
    async with Client(programs.connection("admin"), program="benchmark", timeout=60) as client:
        await _in_turn(_register(client, number) for number in range(nodes))
        bound = _Bound(client)
        async with asyncio.TaskGroup() as tasks:
            follow = tasks.create_task(bound.informer.run())
            await bound.informer.wait_synced()
            if run != "drain":
                programs.start_controller(*PATIENT)
                await asyncio.sleep(5)
            before = {name: programs.used(name)[0] for name in programs.processes}
            began = time.perf_counter()
            created: dict[str, float] = {}
            if run == "leave":
                tasks.create_task(_leave(client, bound, nodes=nodes, vpses=vpses))
            await _in_turn(_create(client, f"v{number}", created) for number in range(vpses))
            creates = vpses / (time.perf_counter() - began)
            if run == "drain":
                before |= {name: programs.used(name)[0] for name in programs.processes}
                programs.start_controller(*PATIENT)
            await bound.wait_for(vpses)
            follow.cancel()
        await _verify(client, vpses)
    moments = sorted(bound.at.values())
    waits = [bound.at[name] - created[name] for name in created]
    return (
        run,
        f"{creates:,.0f}",
        f"{len(moments) / (moments[-1] - moments[0]):,.0f}",
        *(
            ("", "")
            if run == "drain"
            else (f"{_figures.percentile(waits, 0.5):.2f} s", f"{_figures.percentile(waits, 0.99):.2f} s")
        ),
        *(_used(programs, name, before) for name in ("controller", "apiserver")),
    )


async def _leave(client: Client, bound: "_Bound", *, nodes: int, vpses: int) -> None:
    """One node in ten goes when a quarter is bound, and comes back when half is."""
    some = range(0, nodes, 10)
    await bound.wait_for(vpses // 4)
    await _in_turn(client.delete(kinds.NODE, f"n{number:04d}") for number in some)
    await bound.wait_for(vpses // 2)
    await _in_turn(_register(client, number) for number in some)


def _used(programs: _programs.Programs, name: str, before: dict[str, float]) -> str:
    seconds, memory = programs.used(name)
    return f"{seconds - before.get(name, 0.0):.1f} s CPU, {memory:.0f} MB"


class _Bound:
    """When a watch first showed each VPS with a node."""

    def __init__(self, client: Client) -> None:
        self.at: dict[str, float] = {}
        self._more = asyncio.Event()  # replaced each time, for several may wait
        self.informer = Informer(client, kinds.VPS, clock=SystemClock(), listener=self._changed)

    def _changed(self, key: ObjectKey) -> None:
        body = self.informer.get(key)
        if body is not None and body["status"].get("assignment") and key.name not in self.at:
            self.at[key.name] = time.perf_counter()
            self._more.set()
            self._more = asyncio.Event()

    async def wait_for(self, count: int) -> None:
        while len(self.at) < count:
            await asyncio.wait_for(self._more.wait(), 60)


async def _in_turn(jobs: Any) -> None:
    """Run many coroutines, a bounded number at a time."""
    todo = iter(jobs)

    async def work() -> None:
        for job in todo:
            await job

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _register(client: Client, number: int) -> None:
    name = f"n{number:04d}"
    head = {"apiVersion": kinds.API_VERSION, "kind": "Node", "metadata": {"name": name}}
    await client.create(kinds.NODE, head)
    amount = {"cores": str(CORES), "memory": MEMORY}
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": "Simulated",
            "lastTransitionTime": timestamp(SystemClock().now()),
        }
        for kind in ("Ready", "RuntimeReady")
    ]
    status = {"capacity": amount, "allocatable": amount, "conditions": conditions}
    await client.patch(kinds.NODE, name, {"status": status}, subresource="status")


async def _create(client: Client, name: str, created: dict[str, float]) -> None:
    created[name] = time.perf_counter()
    await client.create(
        kinds.VPS,
        {
            "apiVersion": kinds.API_VERSION,
            "kind": "VPS",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"resources": {"cores": 2, "memory": "4Gi"}, "ssh": {"disabled": True}},
        },
    )


async def _verify(client: Client, vpses: int) -> None:
    """Everything is booked once, and no node has given more than it has."""
    allocations = (await client.list(kinds.NODE_ALLOCATION)).items
    bookings = [(uid, each) for record in allocations for uid, each in record.get("bookings", {}).items()]
    assert len(bookings) == len({uid for uid, _ in bookings}) == vpses
    for record in allocations:
        held = sum(quantity.millicores(each["cores"]) for each in record.get("bookings", {}).values())
        assert held <= CORES * 1000, (
            f"{record['metadata']['name']} has given {held} of {CORES * 1000} millicores"
        )


if __name__ == "__main__":
    main()
