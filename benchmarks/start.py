"""How long from `apply` to `running`, against raw `docker run` of the same image with the same flags.

Both are taken in turn within one run, since this kind of figure drifts by a third between minutes. For ours
the clock starts before the POST is sent and stops when a watch shows `running`. Raw is the whole
`docker run -d` process. A third row, the same two engine calls without the docker command, says what the
engine alone takes.

Two more: a container removed by hand until its successor runs, and ten VPSes stopped at once, until the
engine has ended the last and until the API says so: it may not say so first.
"""

import argparse
import asyncio
import concurrent.futures
import statistics
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any

import docker

from benchmarks import _cluster, _figures
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds

IMAGE = "kohakuriver/busybox"
SLEEP = ["sleep", "1000000"]
FLAGS = [
    "--init", "--pids-limit", "4096", "--restart", "no", "--memory", "64m", "--memory-swap", "64m",
    "--cpu-period", "100000", "--cpu-quota", "10000", "--log-driver", "json-file",
    "--log-opt", "max-size=10m", "--log-opt", "max-file=3", "--label", "benchmark=start",
]  # fmt: skip
WIDTHS = (2, 4, 8, 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="single starts of each kind (20)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of twenty at once (3)")
    options = parser.parse_args()
    with _cluster.running() as connection:
        asyncio.run(_measure(connection, runs=options.runs, rounds=options.rounds))


async def _measure(connection: Any, *, runs: int, rounds: int) -> None:
    async with Client(connection, program="benchmark") as client:
        bench = _Bench(client)
        async with asyncio.TaskGroup() as tasks:
            follow = tasks.create_task(bench.informer.run())
            await bench.informer.wait_synced()
            await bench.singles(runs)
            await bench.twenties(rounds)
            await bench.removed(max(5, runs // 2))
            await bench.stops(rounds)
            follow.cancel()


class _Bench:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.informer = Informer(client, kinds.VPS, clock=SystemClock(), listener=self._changed)
        self.running: dict[str, float] = {}  # name -> when a watch showed it running
        self.changed = asyncio.Event()
        self.engine = docker.APIClient(version="auto")
        found = self.engine.networks(filters={"label": "kohakuriver.io/cluster"})
        self.network = max(found, key=lambda network: network["Created"])["Name"]

    def _changed(self, key: ObjectKey) -> None:
        body = self.informer.get(key)
        if body is not None and body["status"].get("phase") == "running":
            self.running.setdefault(key.name, time.perf_counter())
        self.changed.set()

    async def ours(self, count: int) -> float:
        """Seconds from before the first POST until the last of `count` VPSes is seen running."""
        names = [f"b{uuid.uuid4().hex[:10]}" for _ in range(count)]
        began = time.perf_counter()
        await asyncio.gather(*(self.client.create(kinds.VPS, _manifest(name)) for name in names))
        await self._until(lambda: all(name in self.running for name in names))
        took = max(self.running[name] for name in names) - began
        await asyncio.gather(*(self._gone(name) for name in names))
        return took

    async def singles(self, runs: int) -> None:
        rows: dict[str, list[float]] = {"raw": [], "ours": [], "engine": []}
        for _ in range(runs):
            rows["raw"].append(await asyncio.to_thread(self._raw, 1, 1))
            rows["ours"].append(await self.ours(1))
            rows["engine"].append(await asyncio.to_thread(self._engine_alone))
        over = [(a - b) * 1000 for a, b in zip(rows["ours"], rows["raw"], strict=True)]
        _figures.table(
            f"One VPS, {runs} starts of each in turn",
            [
                ("what", "median (range)", "over raw, median of pairs"),
                ("`docker run -d`, same flags", _figures.milliseconds(rows["raw"]), ""),
                (
                    "apply → `running` on a watch",
                    _figures.milliseconds(rows["ours"]),
                    f"{statistics.median(over):+.0f} ms",
                ),
                ("engine calls alone (create, start)", _figures.milliseconds(rows["engine"]), ""),
            ],
        )

    async def twenties(self, rounds: int) -> None:
        raw: dict[int, list[float]] = {width: [] for width in WIDTHS}
        mine: list[float] = []
        for _ in range(rounds):
            for width in WIDTHS:
                raw[width].append(await asyncio.to_thread(self._raw, 20, width))
            mine.append(await self.ours(20))
        best = min(WIDTHS, key=lambda width: statistics.median(raw[width]))
        ratio = statistics.median(mine) / statistics.median(raw[best])
        _figures.table(
            f"Twenty at once, {rounds} rounds in turn",
            [
                ("what", "median (range)", "against the best raw width"),
                *(
                    (f"`docker run -d`, {width} at a time", _figures.milliseconds(raw[width]), "")
                    for width in WIDTHS
                ),
                ("20 VPSes applied → all `running`", _figures.milliseconds(mine), f"{ratio:.2f} ×"),
            ],
        )

    async def removed(self, runs: int) -> None:
        """`docker rm -f` behind the agent's back, until another container of the VPS runs."""
        raw: list[float] = []
        mine: list[float] = []
        name = f"b{uuid.uuid4().hex[:10]}"
        await self._up(name)
        for _ in range(runs):
            raw.append(await asyncio.to_thread(self._raw, 1, 1))
            mine.append(await asyncio.to_thread(self._remove_and_wait, name))
        await self._gone(name)
        over = [(a - b) * 1000 for a, b in zip(mine, raw, strict=True)]
        _figures.table(
            f"A container removed by hand, {runs} times",
            [
                ("what", "median (range)", "over raw, median of pairs"),
                ("`docker run -d`, same flags", _figures.milliseconds(raw), ""),
                (
                    "removed → its successor runs",
                    _figures.milliseconds(mine),
                    f"{statistics.median(over):+.0f} ms",
                ),
            ],
        )

    async def stops(self, rounds: int) -> None:
        """Ten VPSes stopped at once: how long, and whether the status was ever ahead of the truth."""
        took: list[float] = []
        said: list[float] = []
        early = 0
        for _ in range(rounds):
            names = [f"b{uuid.uuid4().hex[:10]}" for _ in range(10)]
            await asyncio.gather(*(self._up(name) for name in names))
            watching = asyncio.create_task(asyncio.to_thread(self._ends, names))
            await asyncio.sleep(0.2)  # the engine's event stream is open by then
            began = time.perf_counter()
            stop = {"spec": {"runState": "Stopped"}}
            await asyncio.gather(
                *(self.client.patch(kinds.VPS, name, stop, namespace="default") for name in names)
            )
            shown = await self._stopped(names)
            ended = await watching
            took.append(max(ended.values()) - began)
            said.append(max(shown.values()) - began)
            early += sum(shown[name] < ended[name] for name in names)
            await asyncio.gather(*(self._gone(name) for name in names))
        _figures.table(
            f"Ten stopped at once, {rounds} rounds",
            [
                ("what", "median (range)"),
                ("declared Stopped → the engine has ended the last", _figures.milliseconds(took)),
                ("declared Stopped → the last is shown stopped", _figures.milliseconds(said)),
                ("shown stopped before the engine had ended it", str(early)),
            ],
        )

    async def _up(self, name: str) -> None:
        await self.client.create(kinds.VPS, _manifest(name))
        await self._until(lambda: name in self.running)

    async def _gone(self, name: str) -> None:
        await self.client.delete(kinds.VPS, name, namespace="default")
        await self._until(lambda: self.informer.get(ObjectKey("default", name)) is None)

    async def _until(self, so: Callable[[], bool]) -> None:
        while not so():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 120)

    async def _stopped(self, names: list[str]) -> dict[str, float]:
        """When a watch first showed each of them stopped."""
        shown: dict[str, float] = {}

        def look() -> bool:
            for name in names:
                body = self.informer.get(ObjectKey("default", name))
                if body is not None and body["status"].get("phase") == "stopped":
                    shown.setdefault(name, time.perf_counter())
            return len(shown) == len(names)

        await self._until(look)
        return shown

    def _ends(self, names: list[str]) -> dict[str, float]:
        """When the engine told of the end of each container."""
        ended: dict[str, float] = {}
        for event in self.engine.events(decode=True, filters={"event": "die"}):
            name = event["Actor"]["Attributes"].get("kohakuriver.io/name")
            if name in names:
                ended.setdefault(name, time.perf_counter())
            if len(ended) == len(names):
                break
        return ended

    def _remove_and_wait(self, name: str) -> float:
        mine = {"label": f"kohakuriver.io/name={name}"}
        [container] = self.engine.containers(filters=mine)
        stream = self.engine.events(decode=True, filters={**mine, "event": "start"})
        began = time.perf_counter()
        self.engine.remove_container(container["Id"], force=True)
        next(iter(stream))
        took = time.perf_counter() - began
        stream.close()
        return took

    def _raw(self, count: int, width: int) -> float:
        command = ["docker", "run", "-d", "--network", self.network, *FLAGS, IMAGE, *SLEEP]
        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(width) as pool:
            ran = list(
                pool.map(lambda _: subprocess.run(command, check=True, capture_output=True), range(count))
            )
        took = time.perf_counter() - began
        for each in ran:
            self.engine.remove_container(each.stdout.decode().strip(), force=True)
        return took

    def _engine_alone(self) -> float:
        host = self.engine.create_host_config(
            init=True, pids_limit=4096, mem_limit="64m", memswap_limit="64m", cpu_period=100_000,
            cpu_quota=10_000, network_mode=self.network,
            log_config={"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
        )  # fmt: skip
        began = time.perf_counter()
        made = self.engine.create_container(IMAGE, SLEEP, host_config=host, labels={"benchmark": "start"})
        self.engine.start(made["Id"])
        took = time.perf_counter() - began
        self.engine.remove_container(made["Id"], force=True)
        return took


def _manifest(name: str) -> dict[str, Any]:
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "VPS",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "image": IMAGE,
            "resources": {"cores": "0.1", "memory": "64Mi"},
            "command": SLEEP,
            "ssh": {"disabled": True},
        },
    }


if __name__ == "__main__":
    main()
