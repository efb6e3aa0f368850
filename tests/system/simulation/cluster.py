"""A whole cluster in one loop: the real API server, controllers and agents; engines and network simulated.

`play.py` acts on it. Everything that can be broken can be mended: `heal` does all of it at once.
"""

import asyncio
import contextlib
import datetime
import itertools
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp

from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.controller.options import Options
from kohakuriver.controller.program import Controller
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api, token_of
from tests.fakes.clock import LoopClock
from tests.system.simulation import gate
from tests.system.simulation.link import Link
from tests.system.simulation.lookout import Lookout
from tests.system.simulation.machine import AGAIN, Machine
from tests.system.simulation.rules import Rules, WatchedEngine, WatchedStore

log = logging.getLogger(__name__)

Json = dict[str, Any]
NODES = ("n1", "n2", "n3")
CONTROLLERS = ("c1", "c2")
LIES_EVERY = 2.0  # seconds
MERGE = {"Content-Type": "application/merge-patch+json"}
VPSES = kinds.VPS.path(namespace="default")
SNAPSHOTS = kinds.SNAPSHOT.path(namespace="default")


class Inline(ThreadPoolExecutor):
    """Does at once what is meant for a thread: a thread's time is not simulated."""

    def submit(self, fn: Any, /, *args: Any, **keywords: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **keywords))
        except Exception as error:
            future.set_exception(error)
        return future


class Skewed(LoopClock):
    """Whose wall clock is so many seconds off."""

    def __init__(self, seconds: float) -> None:
        self._off = datetime.timedelta(seconds=seconds)

    def now(self) -> datetime.datetime:
        return super().now() + self._off


class Cluster:
    """`async with` starts it; names of machines and controllers are fixed."""

    def __init__(self, folder: Path, *, freezes: bool = False) -> None:
        """`freezes`: whether agents can be frozen, which costs something at each step of theirs."""
        self.rules = Rules()
        self.store = WatchedStore(self.rules)
        self.lookout = Lookout(self)
        self.machines: dict[str, Machine] = {}
        self.links: dict[str, Link] = {}
        self.controllers: dict[str, asyncio.Task[None]] = {}
        self.ended: list[str] = []  # why controllers ended by themselves
        self.liars: dict[str, asyncio.Task[None]] = {}  # nodes that write nonsense
        self.api: Api | None = None
        self._folder = folder
        self._freezes = freezes
        self._ports = [0]  # of the API servers
        self._numbers = itertools.count(1)
        self._away = contextlib.AsyncExitStack()  # what ends the API server
        self._twins: list[Machine] = []
        self._others = contextlib.AsyncExitStack()  # what ends the other API servers
        self._changing = asyncio.Lock()  # one start or stop of it at a time

    async def __aenter__(self) -> "Cluster":
        asyncio.get_running_loop().set_default_executor(Inline(max_workers=1))
        if self._freezes:
            gate.install()
        await self.start_api()
        for name in (*NODES, *CONTROLLERS):
            self.links[name] = await Link(self._ports[0]).__aenter__()
        for name in NODES:
            await self.set_up(name)
        for name in CONTROLLERS:
            self.start_controller(name)
        self._looking = asyncio.create_task(self.lookout.run(), name="lookout")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
        await self.remove_twins()
        for machine in self.machines.values():
            await machine.kill()
            machine.faults.end()
            machine.disk.mend()
        for name in CONTROLLERS:
            await self.kill_controller(name)
        for name in NODES:
            self.end_lies(name)
        await self._others.aclose()
        await self.stop_api()
        for link in self.links.values():
            await link.__aexit__()

    # The API server.

    async def start_api(self) -> None:
        async with self._changing:
            if self.api is not None:
                return
            stack = contextlib.AsyncExitStack()
            self.api = await stack.enter_async_context(running_api(self.store, port=self._ports[0]))
            self._away = stack
            self._ports[0] = int(self.api.url.rpartition(":")[2])

    async def stop_api(self) -> None:
        """One that is starting, which a frozen store can make long, starts first."""
        async with self._changing:
            stack, self.api = self._away, None
            self._away = contextlib.AsyncExitStack()
            await stack.aclose()

    async def add_api(self, skew: float) -> None:
        """Another server on the same store, whose wall clock is so many seconds off; it stays."""
        other = await self._others.enter_async_context(running_api(self.store, clock=Skewed(skew)))
        self._ports.append(int(other.url.rpartition(":")[2]))

    def move(self, name: str, number: int) -> None:
        """From now on that program talks to the API server of this number; to the first if there is none."""
        port = self._ports[number if number < len(self._ports) else 0]
        if self.links[name].port != port:
            self.links[name].port = port
            self.links[name].hang_up()

    async def call(self, method: str, path: str, body: Json | None = None, **options: Any) -> Reply:
        """A person's request. One that finds no server, or no store behind it, is told by its code."""
        if self.api is None:
            return Reply(503, "no server", {})
        headers = MERGE if method == "PATCH" else {}
        return await self.api.call(method, path, body, headers=headers, **options)

    async def vpses(self) -> list[Json]:
        reply = await self.call("GET", VPSES)
        assert reply.code == 200, reply.body
        return list(reply.body["items"])

    def stored(self, name: str) -> Json | None:
        """What the store has under that name, whoever can be asked."""
        return self.store.objects("registry/vpses/").get(f"registry/vpses/default/{name}")

    @property
    def control_is_whole(self) -> bool:
        """Whether nothing was done to the API server, the store or the controllers that still lasts."""
        return (
            self.api is not None
            and self.store.is_whole
            and all(name in self.controllers and self.links[name].is_whole for name in CONTROLLERS)
        )

    # Machines.

    async def set_up(self, name: str) -> None:
        """A new machine of that name, with a credential of its own."""
        number = next(self._numbers)
        secret = await self._credential(name, number)
        folder = self._folder / f"{name}-{number}"
        folder.mkdir()
        engine = WatchedEngine(name, self.rules)
        self.machines[name] = Machine(name, self.links[name], secret, engine, folder=folder)
        self.machines[name].start()

    async def join_again(self, name: str) -> None:
        """A machine that was given up as destroyed, and is not, gets a new credential."""
        machine = self.machines[name]
        if machine.engine.is_given_up:
            await machine.join_again(await self._credential(name, next(self._numbers)))

    async def set_up_twin(self, name: str, number: int) -> None:
        """Another machine of a name that is taken, with its credential, at the API server of this number."""
        link = await Link(self._ports[number if number < len(self._ports) else 0]).__aenter__()
        folder = self._folder / f"twin-{next(self._numbers)}"
        folder.mkdir()
        engine = WatchedEngine(name, self.rules)
        twin = Machine(name, link, self.machines[name].token, engine, folder=folder)
        twin.is_twin = True
        self._twins.append(twin)
        twin.start()

    async def remove_twins(self) -> None:
        while self._twins:
            twin = self._twins.pop()
            await twin.kill()
            await twin.link.__aexit__()

    async def _credential(self, name: str, number: int) -> str:
        secret = f"secret-{number}"
        spec = {"sha256": fingerprint(secret), "role": "node", "node": name}
        assert self.api is not None
        await self.call("DELETE", kinds.TOKEN.path(name=f"node-{name}"))
        await self.api.create(kinds.TOKEN, {"metadata": {"name": f"node-{name}"}, "spec": spec})
        return secret

    def lie(self, name: str, patch: Json) -> None:
        """That node writes this into its own status, again and again."""
        self.end_lies(name)
        self.liars[name] = asyncio.create_task(self._lie(name, patch), name=f"lies of {name}")

    def end_lies(self, name: str) -> None:
        if task := self.liars.pop(name, None):
            task.cancel()

    async def _lie(self, name: str, patch: Json) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self.call("PATCH", f"{kinds.NODE.path(name=name)}/status", patch, user=name)
            await asyncio.sleep(LIES_EVERY)

    # Controllers.

    def start_controller(self, name: str) -> None:
        if name not in self.controllers:
            self.controllers[name] = asyncio.create_task(self._control(name), name=f"controller {name}")

    async def kill_controller(self, name: str) -> None:
        task = self.controllers.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _control(self, name: str) -> None:
        connection = Connection(server=self.links[name].url, token=token_of("controller"))
        while True:
            identity = f"{name}-{next(self._numbers)}"
            try:
                async with Client(connection, program="controller") as client:
                    one = Controller(
                        client, connection, options=Options(identity=identity), clock=LoopClock()
                    )
                    await one.run(asyncio.Event())
            except Exception as error:
                self.ended.append(repr(error))
                self.rules.demand(False, "a controller ended by itself", name, repr(error))
                log.exception("the controller ended", extra={"controller": name})
            await asyncio.sleep(AGAIN)

    # Everything whole again.

    async def heal(self) -> None:
        """Everything; who was given up joins again, and a person removes what runs there from before."""
        await self.heal_around()
        for name in NODES:
            self.end_lies(name)
        for name, machine in self.machines.items():
            machine.disk.mend()
            machine.mend()
            await self.join_again(name)
            machine.engine.remove_disowned()

    async def heal_around(self) -> None:
        """All but what the others have to bear for as long as it lasts: broken disks, containers that answer
        nothing, nodes that write nonsense."""
        await self.remove_twins()
        self.store.thaw()
        self.store.clear_alarm("NOSPACE")
        self.store.forget_faults()
        await self.start_api()
        for name, link in self.links.items():
            link.replies_to_lose, link.late = 0, None
            link.heal()
            self.move(name, 0)
        for machine in self.machines.values():
            stuck = set(machine.faults.stuck)
            machine.mend()
            machine.faults.stuck |= stuck
        for name in CONTROLLERS:
            self.start_controller(name)
        for node in NODES:
            reply = await self.call(
                "PATCH", kinds.NODE.path(name=node), {"spec": {"unschedulable": None, "drain": None}}
            )
            assert reply.code in (200, 404), reply.body
        for vps in await self.vpses():
            if vps["spec"].get("snapshots"):  # one each minute is no steady state
                name = vps["metadata"]["name"]
                reply = await self.call("PATCH", f"{VPSES}/{name}", {"spec": {"snapshots": None}})
                assert reply.code in (200, 404), reply.body
