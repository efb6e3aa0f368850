"""Plays a history on a cluster, then mends everything and says what is not as it should be."""

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from kohakuriver.agent.deciding import restart
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.apiserver.store.base import StoreError, StoreUnavailable
from kohakuriver.resources import kinds
from tests.fakes.switches import Program
from tests.system.simulation import outcome
from tests.system.simulation.cluster import SNAPSHOTS, VPSES, Cluster
from tests.system.simulation.mischief import Mischief
from tests.system.simulation.rules import NAME, WatchedEngine
from tests.system.simulation.step import Step

Json = dict[str, Any]
OF_CONTROL = frozenset(
    {
        "hang_up_on_controller",
        "lose_reply_to_controller",
        "fail_store",
        "drop_watches",
        "compact_store",
        "move",
    }
)  # what is over at once, and leaves the control plane something to mend
QUOTAS = kinds.RESOURCE_QUOTA.path(namespace="default")
READY = 10.0  # seconds until the nodes have joined
PATIENCE = 240.0  # seconds from the last fault to everything being as declared
QUIET = restart.LONGEST + 15.0  # seconds in which nothing may be written then: longer than every pause
BOUND = 120.0  # seconds of this process's processor time: a play takes five, and a busy machine is no fault
STUCK = 20  # times as long by a real clock, where nothing is done at all


class Endless(AssertionError):
    """A play that does not come to an end: some program spins, and simulated time stands still."""


async def play(history: Sequence[Step], folder: Path, *, bound: float = BOUND) -> Cluster:
    """The cluster as it was at the end. Raises AssertionError, whose message is the rule and the history."""
    done: list[str] = []
    try:
        with _bounded(bound):
            return await _play(history, folder, done)
    except AssertionError as error:
        raise AssertionError(f"{error}\n\nwhat had been done:\n" + "\n".join(done)) from None


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raises Endless where what is inside takes longer, by the processor's clock and not by the loop's."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    at: list[float] = []

    def cut() -> None:
        at.append(loop.time())
        task.cancel()

    def look() -> None:
        worked, began = time.process_time(), time.monotonic()
        while not is_over.wait(0.1):
            if time.process_time() - worked > seconds or time.monotonic() - began > STUCK * seconds:
                loop.call_soon_threadsafe(cut)
                return

    is_over = threading.Event()
    threading.Thread(target=look, name="bound", daemon=True).start()
    try:
        yield
    except asyncio.CancelledError:
        if not at:
            raise
        task.uncancel()
        raise Endless(f"no end after {seconds:g} s; it had come to {at[0]:.3f} s of its own time") from None
    finally:
        is_over.set()


async def _play(history: Sequence[Step], folder: Path, done: list[str]) -> Cluster:
    freezes = any(step.verb == "freeze_agent" for step in history)
    async with Cluster(folder, freezes=freezes) as cluster:
        await asyncio.sleep(READY)
        player = Player(cluster)
        for step in history:
            await asyncio.sleep(step.wait)
            answer = await player.do(step)
            done.append(f"    {step!r},  # {asyncio.get_running_loop().time():.2f} s {answer}")
            cluster.rules.check()
        await player.finish()
        await outcome.borne(cluster)
        await cluster.heal()
        await outcome.settled(cluster, within=PATIENCE, quiet=QUIET)
        outcome.check(cluster, await cluster.vpses())
        cluster.rules.check()
    return cluster


@dataclasses.dataclass
class Player(Mischief):
    """One method a verb of steps.py; what a person may not do at that moment is answered and does nothing."""

    cluster: Cluster
    later: set["asyncio.Task[None]"] = dataclasses.field(default_factory=set)

    async def do(self, step: Step) -> str:
        answer = str(await getattr(self, step.verb)(*step.about) or "")
        if step.verb in OF_CONTROL:
            self.cluster.lookout.disturbed()
        return answer

    async def finish(self) -> None:
        """Nothing that was to end later is left."""
        for task in self.later:
            task.cancel()
        await asyncio.gather(*self.later, return_exceptions=True)

    def _after(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        async def act() -> None:
            await asyncio.sleep(seconds)
            await work

        task = asyncio.create_task(act())
        self.later.add(task)

        def over(ended: "asyncio.Task[None]") -> None:
            self.later.discard(ended)
            work.close()

        task.add_done_callback(over)

    # What people do.

    async def create(self, name: str, spec: Json) -> str:
        manifest = {
            "apiVersion": kinds.VPS.api_version,
            "kind": kinds.VPS.kind,
            "metadata": {"name": name},
            "spec": {"image": "kohakuriver/busybox", **spec},
        }
        return await self._told("POST", VPSES, manifest)

    async def delete(self, name: str) -> str:
        self._asked(name)
        return await self._told("DELETE", f"{VPSES}/{name}")

    async def force(self, name: str) -> str:
        self._asked(name)
        return await self._told("DELETE", f"{VPSES}/{name}", {"gracePeriodSeconds": 0})

    async def forget(self, name: str) -> str:
        vps = self.cluster.stored(name)
        self._asked(name)
        uid = vps["metadata"]["uid"] if vps else "none"
        return await self._told("POST", f"{VPSES}/{name}/forget", {"uid": uid})

    async def stop(self, name: str) -> str:
        return await self._change(name, runState="Stopped")

    async def start(self, name: str) -> str:
        return await self._change(name, runState="Running")

    async def pause(self, name: str) -> str:
        return await self._change(name, runState="Paused")

    async def restart(self, name: str) -> str:
        request = f"at {asyncio.get_running_loop().time():.3f}"
        return await self._change(name, runState="Running", restartRequest=request)

    async def resize(self, name: str, resources: Json) -> str:
        return await self._change(name, resources=resources)

    async def change_gpus(self, name: str, gpus: Json | None) -> str:
        return await self._change(name, placement={"gpus": gpus})

    async def change_env(self, name: str, number: int) -> str:
        return await self._change(name, env={"NUMBER": str(number)})

    async def snapshot(self, name: str, of: str, keep_for: str) -> str:
        meta = {"name": name, "namespace": "default"}
        body = {
            "apiVersion": kinds.SNAPSHOT.api_version,
            "kind": kinds.SNAPSHOT.kind,
            "metadata": meta,
            "spec": {"vps": {"name": of}, **({"keepFor": keep_for} if keep_for else {})},
        }
        return await self._told("POST", SNAPSHOTS, body)

    async def drop(self, name: str) -> str:
        for key, one in self.cluster.store.objects("registry/snapshots/").items():
            if key.endswith(f"/{name}"):
                self.cluster.rules.dropped.add(one["metadata"]["uid"])
        return await self._told("DELETE", f"{SNAPSHOTS}/{name}")

    async def restore(self, name: str, snapshot: str) -> str:
        """Another word each time, as the command counts."""
        vps = self.cluster.stored(name)
        if vps is not None:
            self.cluster.rules.restored.add(vps["metadata"]["uid"])
        word = ((vps or {"spec": {}})["spec"].get("replaceFiles") or 0) + 1
        begins = {"filesFrom": {"snapshot": snapshot}, "replaceFiles": word, "keepReplacedFiles": "2h"}
        return await self._change(name, **begins)

    async def plan(self, name: str, plan: Json | None) -> str:
        return await self._change(name, snapshots=plan)

    async def limit(self, hard: Json | None) -> str:
        """The namespace may book so much; None: as much as there is."""
        path = f"{QUOTAS}/all"
        if hard is None:
            return await self._told("DELETE", path)
        cleared: Json = {"requests.cpu": None, "requests.memory": None, "requests.nvidia.com/gpu": None}
        code = await self._told("PATCH", path, {"spec": {"hard": {**cleared, **hard}}})
        if code != "404":
            return code
        whole = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"}}
        return await self._told("POST", QUOTAS, {**whole, "spec": {"hard": hard}})

    async def cordon(self, node: str) -> str:
        return await self._told("PATCH", kinds.NODE.path(name=node), {"spec": {"unschedulable": True}})

    async def drain(self, node: str) -> str:
        return await self._told(
            "PATCH", kinds.NODE.path(name=node), {"spec": {"unschedulable": True, "drain": True}}
        )

    async def uncordon(self, node: str) -> str:
        return await self._told(
            "PATCH", kinds.NODE.path(name=node), {"spec": {"unschedulable": None, "drain": None}}
        )

    async def overcommit(self, node: str, ratio: int) -> None:
        """Its agent is started anew, and gives each core so often, in thousandths."""
        await self.cluster.machines[node].give_cores(ratio)

    async def _change(self, name: str, **spec: Any) -> str:
        return await self._told("PATCH", f"{VPSES}/{name}", {"spec": spec})

    async def _told(self, method: str, path: str, body: Json | None = None) -> str:
        reply = await self.cluster.call(method, path, body)
        return str(reply.code)

    def _asked(self, name: str) -> None:
        vps = self.cluster.stored(name)
        if vps is not None:
            self.cluster.rules.asked.add(vps["metadata"]["uid"])

    # What breaks, of machines.

    async def kill_agent(self, node: str, seconds: float) -> None:
        machine = self.cluster.machines[node]
        await machine.kill()
        self._after(seconds, self._start(node))

    async def _start(self, node: str) -> None:
        self.cluster.machines[node].start()

    async def cut_node(self, node: str, seconds: float) -> None:
        await self._cut(node, seconds)

    async def cut_controller(self, name: str, seconds: float) -> None:
        await self._cut(name, seconds)

    async def _cut(self, name: str, seconds: float) -> None:
        link = self.cluster.links[name]
        link.cut()

        async def mend() -> None:
            link.heal()

        self._after(seconds, mend())

    async def hang_up_on_node(self, name: str) -> None:
        self.cluster.links[name].hang_up()

    async def hang_up_on_controller(self, name: str) -> None:
        self.cluster.links[name].hang_up()

    async def lose_reply_to_node(self, name: str) -> None:
        self.cluster.links[name].replies_to_lose += 1

    async def lose_reply_to_controller(self, name: str) -> None:
        self.cluster.links[name].replies_to_lose += 1

    async def power_off(self, node: str, seconds: float) -> None:
        """The machine goes off; when it is on again its containers are as the power cut left them."""
        machine = self.cluster.machines[node]
        await machine.kill()
        machine.faults.end()
        machine.engine.restart()
        self._after(seconds, self._start(node))

    async def burn(self, node: str) -> str:
        """The machine is destroyed, somebody says so, and another of that name is set up."""
        await self.cluster.machines[node].burn()
        for vps in self.cluster.store.objects("registry/vpses/").values():
            if ((vps.get("status") or {}).get("assignment") or {}).get("node") == node:
                self.cluster.rules.asked.add(vps["metadata"]["uid"])
        for _ in range(100):
            reply = await self.cluster.call(
                "POST", f"{kinds.NODE.path(name=node)}/forget", {"destroyed": True}
            )
            if reply.code in (200, 404) and self.cluster.api is not None:
                with contextlib.suppress(AssertionError):
                    await self.cluster.set_up(node)
                    return "forgotten"
            await asyncio.sleep(2.0)
        raise AssertionError(f"node {node} could not be forgotten: {reply}")

    # Of engines.

    def _engine(self, node: str) -> WatchedEngine:
        return self.cluster.machines[node].engine

    async def hang_engine(self, node: str, seconds: float) -> None:
        switches = self._engine(node).switches
        switches.hangs = True

        async def mend() -> None:
            switches.hangs = False

        self._after(seconds, mend())

    async def take_engine_away(self, node: str, seconds: float) -> None:
        engine = self._engine(node)
        engine.go_away()

        async def mend() -> None:
            engine.switches.is_away = False

        self._after(seconds, mend())

    async def restart_engine(self, node: str) -> None:
        self.cluster.machines[node].faults.end()
        self._engine(node).restart()

    async def slow_engine(self, node: str, call: str, seconds: float) -> None:
        self._engine(node).switches.delays[call] = seconds

    async def lose_events(self, node: str, seconds: float) -> None:
        switches = self._engine(node).switches
        switches.loses_events = True

        async def mend() -> None:
            switches.loses_events = False

        self._after(seconds, mend())

    async def lose_engine_reply(self, node: str, call: str) -> None:
        self._engine(node).switches.lost_replies[call] += 1

    async def answer_late(self, node: str, call: str, seconds: float) -> None:
        await self.late_call(node, call, 0.0, seconds)

    async def program(self, node: str, runs_for: float | None, code: int, ends_after: float) -> None:
        """How containers that start there from now on behave."""
        programs = self._engine(node).programs
        programs["kohakuriver/busybox"] = Program(runs_for=runs_for, exit_code=code, ends_after=ends_after)

    async def remove_by_hand(self, name: str) -> str:
        return self._by_hand(name, lambda engine, id_: engine.remove(id_, force=True))

    async def stop_by_hand(self, name: str) -> str:
        return self._by_hand(name, lambda engine, id_: engine.end(id_, exit_code=137))

    async def pause_by_hand(self, name: str) -> str:
        return self._by_hand(name, lambda engine, id_: engine.pause(id_))

    def _by_hand(self, name: str, act: Any) -> str:
        for machine in self.cluster.machines.values():
            for record in machine.engine.records():
                if record.seen.labels.get(NAME) != name:
                    continue
                machine.engine.by_hand = True
                try:
                    act(machine.engine, record.seen.id)
                except EngineError as error:
                    return error.message
                finally:
                    machine.engine.by_hand = False
                return f"{record.seen.name} on {machine.name}"
        return "no such container"

    # Of the control plane.

    async def kill_controller(self, name: str, seconds: float) -> None:
        await self.cluster.kill_controller(name)
        self.cluster.lookout.disturbed()  # it may be back before anybody has looked

        async def again() -> None:
            self.cluster.start_controller(name)

        self._after(seconds, again())

    async def freeze_store(self, seconds: float) -> None:
        self.cluster.store.freeze()

        async def mend() -> None:
            self.cluster.store.thaw()

        self._after(seconds, mend())

    async def fail_store(self, times: int, is_done: bool) -> None:
        self.cluster.store.fail_next(StoreUnavailable("no leader"), times=times, done=is_done)

    async def drop_watches(self) -> None:
        self.cluster.store.drop_watches()

    async def compact_store(self) -> None:
        with contextlib.suppress(StoreError):
            await self.cluster.store.compact(await self.cluster.store.revision())

    async def fill_store(self, seconds: float) -> None:
        self.cluster.store.raise_alarm("NOSPACE")

        async def mend() -> None:
            self.cluster.store.clear_alarm("NOSPACE")

        self._after(seconds, mend())

    async def stop_api(self, seconds: float) -> None:
        await self.cluster.stop_api()
        self._after(seconds, self.cluster.start_api())
