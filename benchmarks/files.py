"""Snapshots, restores and forks of files, beside `docker commit` and `tar` of the same files.

A VPS has so many megabytes in its container and as many in a volume. Each round takes a snapshot of it while
it runs, commits the same container and packs the same volume by tar, restores, and forks. What counts for
people is for how long a VPS stands still: paused for a snapshot, stopped for a restore.
"""

import argparse
import asyncio
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import docker

from benchmarks import _cluster, _figures
from kohakuriver.client import config
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds

IMAGE: Final = "kohakuriver/debian-ssh"
MEBIBYTE: Final = 1 << 20
PATIENCE: Final = 600.0  # seconds that anything may take
LARGE: Final = 64  # MiB in a file; a tenth of all is in files of 64 KiB
FILL: Final = """\
set -e
cd "$1"; big=$2; small=$3
i=0; while [ $i -lt $big ]; do head -c 67108864 /dev/urandom > big-$i; i=$((i+1)); done
mkdir -p small; cd small
i=0; while [ $i -lt $small ]; do head -c 65536 /dev/urandom > $i; i=$((i+1)); done
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--megabytes", type=int, default=512, help="in the container, and again in the volume"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of each (3)")
    options = parser.parse_args()
    with _cluster.running_in() as file:
        asyncio.run(_measure(config.load(file), megabytes=options.megabytes, rounds=options.rounds))


async def _measure(connection: Any, *, megabytes: int, rounds: int) -> None:
    async with Client(connection, program="benchmark") as client:
        bench = _Bench(client)
        async with asyncio.TaskGroup() as tasks:
            follow = [tasks.create_task(one.run()) for one in (bench.vpses, bench.snapshots)]
            for one in (bench.vpses, bench.snapshots):
                await one.wait_synced()
            try:
                await bench.measure(megabytes, rounds)
            finally:
                for task in follow:
                    task.cancel()


class _Bench:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.changed = asyncio.Event()
        clock = SystemClock()
        self.vpses = Informer(client, kinds.VPS, clock=clock, listener=self._changed)
        self.snapshots = Informer(client, kinds.SNAPSHOT, clock=clock, listener=self._changed)
        self.engine = docker.APIClient(version="auto", timeout=PATIENCE)

    def _changed(self, key: ObjectKey) -> None:
        self.changed.set()

    async def measure(self, megabytes: int, rounds: int) -> None:
        await self.client.create(kinds.VPS, _vps("files"))
        await self._until(lambda: self._phase("files") == "running")
        rows: dict[str, list[float]] = {
            one: [] for one in ("paused", "snapshot", "commit", "tar", "restore", "fork")
        }
        size = 0
        for number in range(rounds):
            name = self._container("files")
            for folder in ("/root", "/data"):  # a restore leaves nothing in the container's own layer
                self._run(
                    name, "sh", "-c", FILL, "fill", folder, megabytes * 9 // 10 // LARGE, megabytes * 16 // 10
                )
            took, status = await self._snapshot(f"round-{number}")
            rows["snapshot"].append(took)
            rows["paused"].append(status["pausedMilliseconds"] / 1000)
            size = status["size"]
            rows["commit"].append(await asyncio.to_thread(self._commit, name))
            rows["tar"].append(await asyncio.to_thread(self._tar, name))
            rows["restore"].append(await self._restore(f"round-{number}", number + 1))
            rows["fork"].append(await self._fork(f"round-{number}"))
            await self._delete(kinds.SNAPSHOT, self.snapshots, f"round-{number}")
        await self._delete(kinds.VPS, self.vpses, "files")
        floor = [a + b for a, b in zip(rows["commit"], rows["tar"], strict=True)]
        _figures.table(
            f"{megabytes} MiB in the container and {megabytes} MiB in a volume, {rounds} rounds in turn; "
            f"a snapshot takes {size / MEBIBYTE:.0f} MiB",
            [
                ("what", "median (range)", "of `docker commit` and `tar`"),
                ("`docker commit` of the container", _figures.milliseconds(rows["commit"]), ""),
                ("`tar` of the volume", _figures.milliseconds(rows["tar"]), ""),
                ("a snapshot: asked for → Ready", *_beside(rows["snapshot"], floor)),
                ("of that, the VPS is paused", *_beside(rows["paused"], floor)),
                ("a restore: patched → running, present files dropped", *_beside(rows["restore"], floor)),
                ("a fork: created → running", *_beside(rows["fork"], floor)),
            ],
        )

    async def _snapshot(self, name: str) -> tuple[float, Mapping[str, Any]]:
        body = {
            "apiVersion": kinds.API_VERSION,
            "kind": kinds.SNAPSHOT.kind,
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"vps": {"name": "files"}},
        }
        began = time.perf_counter()
        await self.client.create(kinds.SNAPSHOT, body)
        await self._until(lambda: self._status(self.snapshots, name).get("phase") in ("Ready", "Failed"))
        took, status = time.perf_counter() - began, self._status(self.snapshots, name)
        if status["phase"] != "Ready":
            raise RuntimeError(f"the snapshot failed: {status.get('message')}")
        return took, status

    async def _restore(self, snapshot: str, word: int) -> float:
        before = self._started("files")
        began = time.perf_counter()
        spec = {"filesFrom": {"snapshot": snapshot}, "replaceFiles": word, "keepReplacedFiles": None}
        await self.client.patch(kinds.VPS, "files", {"spec": spec}, namespace="default")
        await self._until(lambda: self._phase("files") == "running" and self._started("files") != before)
        return time.perf_counter() - began

    async def _fork(self, snapshot: str) -> float:
        began = time.perf_counter()
        await self.client.create(kinds.VPS, _vps("fork", filesFrom={"snapshot": snapshot}))
        await self._until(lambda: self._phase("fork") == "running")
        took = time.perf_counter() - began
        await self._delete(kinds.VPS, self.vpses, "fork")
        return took

    def _commit(self, container: str) -> float:
        began = time.perf_counter()
        made = self.engine.commit(container, repository="kohakuriver-benchmark/files", tag="latest")
        took = time.perf_counter() - began
        self.engine.remove_image(made["Id"], force=True)
        return took

    def _tar(self, container: str) -> float:
        mounts = self.engine.inspect_container(container)["Mounts"]
        folder = next(one["Source"] for one in mounts if one["Destination"] == "/data")
        file = Path(folder).parent / "benchmark.tar"
        began = time.perf_counter()
        subprocess.run(["tar", "--create", f"--directory={folder}", f"--file={file}", "."], check=True)
        subprocess.run(["sync", str(file)], check=True)
        took = time.perf_counter() - began
        file.unlink()
        return took

    def _run(self, container: str, *command: Any) -> None:
        words = [str(word) for word in command]
        made = self.engine.exec_create(container, words)
        said = self.engine.exec_start(made["Id"])
        if self.engine.exec_inspect(made["Id"])["ExitCode"]:
            raise RuntimeError(said.decode(errors="replace"))

    def _container(self, name: str) -> str:
        [found] = self.engine.containers(filters={"label": f"kohakuriver.io/name={name}"})
        return str(found["Id"])

    def _started(self, name: str) -> str:
        observed = self._status(self.vpses, name).get("observed") or {}
        return str((observed.get("container") or {}).get("startedAt"))

    def _phase(self, name: str) -> str:
        return str(self._status(self.vpses, name).get("phase"))

    def _status(self, informer: Informer, name: str) -> Mapping[str, Any]:
        body = informer.get(ObjectKey("default", name)) or {}
        return body.get("status") or {}

    async def _delete(self, kind: kinds.ResourceType, informer: Informer, name: str) -> None:
        await self.client.delete(kind, name, namespace="default")
        await self._until(lambda: informer.get(ObjectKey("default", name)) is None)

    async def _until(self, so: Callable[[], bool]) -> None:
        while not so():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), PATIENCE)


def _beside(values: list[float], floor: list[float]) -> tuple[str, str]:
    return _figures.milliseconds(values), _figures.ratio(values, floor)


def _vps(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": kinds.VPS.kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "image": IMAGE,
            "resources": {"cores": "0.5", "memory": "256Mi"},
            "ssh": {"disabled": True},
            "stopGracePeriod": "1s",
            "volumes": [{"name": "data", "target": "/data", "reclaimPolicy": "Delete"}],
            **spec,
        },
    }


if __name__ == "__main__":
    main()
