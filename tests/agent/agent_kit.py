"""A real agent on a fake engine, against the real API server, in the test's own loop and simulated time.

    async with a_node(tmp_path) as node:
        await node.place(a_manifest("dev"))
        await node.until("dev", phase="running")

The kit does what the controller does, through its own transactions: `place` binds, `release` releases.
"""

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from kohakuriver import overcommit
from kohakuriver.agent.heartbeat import attempt_timeout
from kohakuriver.agent.loop import Agent
from kohakuriver.agent.machine import facts
from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.machine.ports import Ports
from kohakuriver.agent.room.gauge import Walker
from kohakuriver.agent.runtime.base import Container, Runtime
from kohakuriver.agent.runtime.firewall import Firewall
from kohakuriver.agent.settings import Settings
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds
from tests.agent.refusing_files import RefusingFiles
from tests.apiserver.api import Api, Looks, running_api
from tests.fakes.clock import LoopClock
from tests.fakes.engine import FakeEngine
from tests.fakes.firewall import FakeFirewall
from tests.fakes.gauge import FakeGauge
from tests.fakes.lxcfs import FakeLxcfs
from tests.fakes.mounter import FakeMounter
from tests.fakes.ports import FakePorts
from tests.fakes.runtime import FakeRuntime
from tests.fakes.snapshots import FakeGuard, FakeHooks, FakeLosses

Json = dict[str, Any]
CLUSTER = "c1u2s3t4e5r6"
UNHEARD = "127.77.77.77"
"""Nobody listens there, whatever runs on this machine: a cluster of its owner has VPSes on 127.0.0.1."""
USUAL: Json = {"ssh_address": UNHEARD, "cpu_overcommit": overcommit.ONCE}
PATIENCE = 120.0  # simulated seconds
PATHS = kinds.VPS.path(namespace="default")


def a_manifest(name: str = "dev", **spec: Any) -> Json:
    """A VPS on the small image, without SSH."""
    wanted = {"image": "kohakuriver/busybox", "ssh": {"disabled": True}, **spec}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": wanted}


@dataclasses.dataclass
class Node:
    """A node: its engine, which outlives agents, and the agent that runs on it now."""

    api: Api
    engine: FakeEngine
    folder: Path
    name: str = "n1"
    cluster: str = CLUSTER
    clock: Clock = dataclasses.field(default_factory=LoopClock)
    runtime: Runtime | None = None  # the fake engine's, where there is none
    firewall: Firewall = dataclasses.field(default_factory=FakeFirewall)
    ports: Ports = dataclasses.field(default_factory=FakePorts)
    mounter: FakeMounter = dataclasses.field(default_factory=FakeMounter)
    gauge: FakeGauge = dataclasses.field(default_factory=FakeGauge)
    disk: Disk | None = None  # that its engine is on
    look_at_disk: Callable[[], Disk | None] | None = None  # in place of it
    files: RefusingFiles = dataclasses.field(default_factory=RefusingFiles)
    lxcfs: FakeLxcfs | None = None  # that its machine runs
    guard: FakeGuard | None = None  # the real one, where the engine is
    hooks: FakeHooks | None = None
    losses: FakeLosses | None = None
    agent: Agent | None = None
    task: asyncio.Task[None] | None = None
    secret: str = ""  # its credential, where that is not the one which the API server knows it by
    paths: str = PATHS  # of the VPSes that this is about
    url: str = ""  # by which the agent reaches the server; the server's own, where there is none

    @contextlib.asynccontextmanager
    async def clients(self) -> AsyncIterator[tuple[Client, Client]]:
        connection = Connection(
            server=self.url or self.api.url, token=self.secret or self.api.token(self.name)
        )
        patience = attempt_timeout(3.0)
        async with (
            Client(connection, program="agent") as one,
            Client(connection, program="heart", timeout=patience) as two,
        ):
            yield one, two

    @property
    def session(self) -> dict[str, str]:
        """The headers by which its agent, alive or not, is known from others who have the token."""
        assert self.agent is not None
        return self.agent.claim.headers()

    async def start_agent(self, **settings: Any) -> None:
        started = asyncio.Event()
        self.task = asyncio.create_task(self._run(started, settings), name="agent")
        await started.wait()

    async def kill_agent(self) -> None:
        """As with -9: nothing is said or finished."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self, started: asyncio.Event, settings: Json) -> None:
        async with self.clients() as (client, heart):
            self.agent = Agent(
                Settings(node=self.name, cluster=self.cluster, data_dir=self.folder, **{**USUAL, **settings}),
                client=client,
                heart=heart,
                runtime=self.runtime or FakeRuntime(self.engine, cluster=self.cluster),
                firewall=self.firewall,
                clock=self.clock,
                chance=random.Random(1),  # noqa: S311 - jitter, the same in every run
                mounter=self.mounter,
                ports=self.ports,
                files=self.files,
                lxcfs=self.lxcfs,
                guard=self.guard,
                hooks=self.hooks,
                losses=self.losses,
                gauge=Walker() if self.runtime else self.gauge,
                disk=facts.disk
                if self.runtime
                else lambda _: self.look_at_disk() if self.look_at_disk else self.disk,
            )
            started.set()
            await self.agent.run()

    async def place(self, manifest: Json) -> Json:
        """Create a VPS and bind it here."""
        made = await self.api.create(kinds.VPS, manifest)
        return await self.bind(made)

    async def bind(self, vps: Json) -> Json:
        meta = vps["metadata"]
        body = {"uid": meta["uid"], "node": self.name}
        reply = await self.api.call("POST", f"{self.paths}/{meta['name']}/bind", body, user="controller")
        assert reply.code == 200, reply.body
        return dict(reply.body)

    async def act(self, verb: str, name: str = "dev") -> None:
        """What the controller does after a stop or before a start."""
        vps = await self.get(name)
        body = {"uid": vps["metadata"]["uid"], "epoch": vps["status"]["epoch"]}
        reply = await self.api.call("POST", f"{self.paths}/{name}/{verb}", body, user="controller")
        assert reply.code == 200, reply.body

    async def change(self, name: str = "dev", **spec: Any) -> Json:
        """A user's change of the spec."""
        headers = {"Content-Type": "application/merge-patch+json"}
        reply = await self.api.call("PATCH", f"{self.paths}/{name}", {"spec": spec}, headers=headers)
        assert reply.code == 200, reply.body
        return dict(reply.body)

    async def delete(self, name: str = "dev", **options: Any) -> None:
        reply = await self.api.call("DELETE", f"{self.paths}/{name}", options or None)
        assert reply.code in (200, 202), reply.body

    async def find(self, name: str = "dev") -> Json | None:
        reply = await self.api.get(f"{self.paths}/{name}")
        return dict(reply.body) if reply.code == 200 else None

    async def get(self, name: str = "dev") -> Json:
        vps = await self.find(name)
        assert vps is not None, f"{name} is gone"
        return vps

    async def until(self, name: str = "dev", **wanted: Any) -> Json:
        """Wait until status has these fields, top-level or of `observed`."""
        vps: Json | None = None
        looks = Looks(self.api.store)
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    vps = await self.find(name)
                    if vps is not None and _has(vps.get("status") or {}, wanted):
                        return vps
                    await looks.next()
        except TimeoutError:
            raise AssertionError(f"{name} never became {wanted}: {(vps or {}).get('status')}") from None

    async def until_gone(self, name: str = "dev") -> None:
        looks = Looks(self.api.store)
        async with asyncio.timeout(PATIENCE):
            while await self.find(name) is not None:
                await looks.next()

    async def until_ready(self) -> Json:
        """Wait until the Node can be placed on."""
        looks = Looks(self.api.store)
        async with asyncio.timeout(PATIENCE):
            while True:
                reply = await self.api.get(kinds.NODE.path(name=self.name))
                conditions = _conditions(reply.body) if reply.code == 200 else {}
                if conditions.get("RuntimeReady") == "True":
                    return dict(reply.body)
                await looks.next()

    async def events(self, reason: str) -> list[Json]:
        """Events of that reason; those in the queue are waited for."""
        await asyncio.sleep(0.5)
        reply = await self.api.get(kinds.EVENT.path())
        return [event for event in reply.body["items"] if event["reason"] == reason]

    def containers(self) -> list[Container]:
        return [record.seen for record in self.engine.records()]

    def container(self) -> Container:
        (found,) = self.containers()
        return found


def _has(status: Json, wanted: Json) -> bool:
    observed = status.get("observed") or {}
    return all(value in (status.get(field), observed.get(field)) for field, value in wanted.items())


def _conditions(node: Json) -> dict[str, str]:
    found = (node.get("status") or {}).get("conditions") or []
    return {condition["type"]: condition["status"] for condition in found}


@contextlib.asynccontextmanager
async def a_node(folder: Path, **settings: Any) -> AsyncIterator[Node]:
    """An API server, and one node with a running agent."""
    async with running_api() as api:
        engine = FakeEngine()
        node = Node(
            api, engine, folder, guard=FakeGuard(engine), hooks=FakeHooks(engine), losses=FakeLosses()
        )
        await node.start_agent(**settings)
        try:
            await node.until_ready()
            yield node
        finally:
            await node.kill_agent()
