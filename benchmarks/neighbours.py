"""What one user's worst requests cost everybody else: another user's GET, a node's renewals, memory.

A real API server with its shipped limits and TLS on a real etcd. In a process of its own one credential of
role user does one deed after the other, each as hard as the server lets it; meanwhile another user reads a
VPS of its own every 20 ms, and a node renews. In the same moments the same client reads the same from another
server on an etcd of its own, to which nobody does anything: what the machine, and the programs of this
benchmark themselves, make slower is in both, and the figure that counts is how much slower the first is.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import tempfile
import time
from pathlib import Path

from benchmarks import _figures, _programs
from benchmarks._deeds import DEEDS, HIS, MERGE, Bob, sent, session_of
from kohakuriver.client import config
from kohakuriver.resources import kinds

USERS: dict[str, dict[str, object]] = {
    "alice": {"role": "user", "namespaces": ["team-a"]},
    "bob": {"role": "user", "namespaces": ["team-b"]},
    "n1": {"role": "node", "node": "n1"},
}
QUIET = 5.0  # seconds before each deed
VPSES = 400  # of bob
MINE = kinds.VPS.path(namespace="team-a")
LEASE = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each deed")
    parser.add_argument("--only", nargs="*", default=[""], help="deeds that have one of these words")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder,
        _programs.running(_made(Path(folder) / "server"), limits=(), more=USERS) as programs,
        _programs.running(_made(Path(folder) / "calm"), limits=(), more=USERS) as calm,
    ):
        rows = [
            (
                "deed",
                "GET p50, p99 before",
                "meanwhile",
                "calm server meanwhile",
                "p99 / calm p99",
                "worst renewal",
                "largest memory",
                "bob got",
            )
        ]
        asyncio.run(set_up(programs, VPSES))
        asyncio.run(set_up(calm, VPSES))
        for deed in [deed for deed in DEEDS if any(word in deed for word in options.only)]:
            quiet = asyncio.run(_measure(programs, calm, QUIET))
            answers: multiprocessing.SimpleQueue[dict[str, int]] = multiprocessing.SimpleQueue()
            attacker = multiprocessing.Process(
                target=_attack, args=(deed, programs.connection("bob"), options.seconds, answers)
            )
            attacker.start()
            time.sleep(3.0)  # it prepares
            found = asyncio.run(_measure(programs, calm, options.seconds))
            attacker.join()
            said = ", ".join(f"{number} × {code}" for code, number in sorted(answers.get().items()))
            rows.append(found.row(deed, quiet, said))
    _figures.table(f"One user's deeds, {options.seconds:g} s each", rows)


class _Felt:
    """What others felt of it."""

    def __init__(self) -> None:
        self.gets: list[float] = []
        self.calm: list[float] = []  # of the server beside it
        self.renewals: list[float] = []
        self.memory = 0.0

    def row(self, deed: str, quiet: "_Felt", said: str) -> tuple[str, ...]:
        shown = []
        for gets in (quiet.gets, self.gets, self.calm):
            figures = [_figures.percentile(gets, share) * 1000 for share in (0.5, 0.99)]
            shown.append(", ".join(f"{figure:.0f} ms" for figure in figures))
        times = f"{_figures.percentile(self.gets, 0.99) / _figures.percentile(self.calm, 0.99):.1f} ×"
        worst = f"{max(self.renewals) * 1000:.0f} ms"
        return (deed, *shown, times, worst, f"{self.memory:.0f} MB", said)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def set_up(programs: _programs.Programs, vpses: int) -> None:
    async with session_of(programs.connection("admin")) as admin:
        for name in ("team-a", "team-b"):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await sent(admin, "POST", kinds.NAMESPACE.path(), body)
    async with session_of(programs.connection("alice")) as alice:
        await sent(alice, "POST", MINE, _vps("mine"))
    async with session_of(programs.connection("bob")) as bob:
        for number in range(vpses):
            await sent(bob, "POST", HIS, _vps(f"v{number}"))
    async with session_of(programs.connection("n1")) as node:
        await sent(node, "POST", LEASE, _lease())


async def _measure(programs: _programs.Programs, beside: _programs.Programs, seconds: float) -> _Felt:
    felt, ends = _Felt(), time.monotonic() + seconds
    status = Path(f"/proc/{programs.processes['apiserver'].pid}/status")

    async def gets() -> None:
        async with (
            session_of(programs.connection("alice")) as alice,
            session_of(beside.connection("alice")) as there,
        ):
            while time.monotonic() < ends:
                for session, took in ((alice, felt.gets), (there, felt.calm)):
                    began = time.perf_counter()
                    async with session.get(f"{MINE}/mine") as reply:
                        assert reply.status == 200, await reply.text()
                        await reply.read()
                    took.append(time.perf_counter() - began)
                    await asyncio.sleep(0.01)

    async def renewals() -> None:
        async with session_of(programs.connection("n1")) as node:
            while time.monotonic() < ends:
                began = time.perf_counter()
                body = {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}
                code = await sent(node, "PATCH", f"{LEASE}/n1", body, MERGE)
                assert code == 200, code
                felt.renewals.append(time.perf_counter() - began)
                await asyncio.sleep(0.5)

    async def memory() -> None:
        while time.monotonic() < ends:
            felt.memory = max(felt.memory, _resident(status))
            await asyncio.sleep(0.1)

    await asyncio.gather(gets(), renewals(), memory())
    return felt


def _resident(status: Path) -> float:
    """In MB, of a process."""
    [held] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
    return int(held.split()[1]) / 1024


def _vps(name: str, size: int = 0) -> dict[str, object]:
    metadata = {"name": name, "labels": {"a": "b"}, "annotations": {"note": "x" * size}}
    head = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": metadata}
    return {**head, "spec": {"ssh": {"disabled": True}, "runState": "Stopped"}}


def _lease() -> dict[str, object]:
    spec = {"holderIdentity": "n1", "leaseDurationSeconds": 10}
    return {"apiVersion": kinds.LEASE.api_version, "kind": "Lease", "metadata": {"name": "n1"}, "spec": spec}


def _attack(
    deed: str,
    connection: config.Connection,
    seconds: float,
    answers: "multiprocessing.SimpleQueue[dict[str, int]]",
) -> None:
    async def do() -> None:
        async with session_of(connection) as session:
            bob = Bob(connection, session, time.monotonic() + seconds + 3.0)
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(seconds + 6.0):
                    await DEEDS[deed](bob)
            answers.put(bob.answers)

    asyncio.run(do())


if __name__ == "__main__":
    main()
