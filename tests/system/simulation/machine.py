"""One machine: an engine and a disk that outlast the agents on it, and the link to the API server."""

import asyncio
import contextlib
import dataclasses
import logging
import random
from pathlib import Path

from kohakuriver import overcommit
from kohakuriver.agent.loop import Agent
from kohakuriver.agent.settings import Settings
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from tests.agent.placement_kit import a_sysfs, gpus
from tests.fakes.clock import LoopClock
from tests.fakes.firewall import FakeFirewall
from tests.fakes.mounter import FakeMounter
from tests.fakes.runtime import FakeRuntime
from tests.fakes.snapshots import FakeGuard, FakeHooks
from tests.system.simulation.disk import Disk
from tests.system.simulation.faulty import Faults
from tests.system.simulation.gate import Gate
from tests.system.simulation.link import Link
from tests.system.simulation.rules import WatchedEngine

log = logging.getLogger(__name__)

NUMA = ("0-3", "4-5")
CORES = 6000  # millicores
MEMORY = 8 << 30
AGAIN = 1.0  # seconds until an agent that ended by itself is started again


class Machine:
    """A node's hardware. `start` and `kill` are about its agent."""

    def __init__(self, name: str, link: Link, token: str, engine: WatchedEngine, *, folder: Path) -> None:
        self.name = name
        self.link = link
        self.engine = engine
        self.ended: list[str] = []  # why agents ended by themselves
        self.is_burnt = False
        self.faults = Faults(engine)
        self.disk = Disk(folder / "agent")
        self.gate = Gate()
        self.guard = FakeGuard(engine)
        self.token = token
        self.is_twin = False  # another machine of that name, whose agent may end
        self._task: asyncio.Task[None] | None = None
        self._chance = random.Random(name)  # noqa: S311 - jitter
        self._settings = Settings(
            node=name,
            cluster="c1u2s3t4e5r6",
            data_dir=folder / "agent",
            millicores=CORES,
            memory=MEMORY,
            reserve_memory=0,
            cpu_overcommit=overcommit.ONCE,
            sysfs=a_sysfs(folder / "sys", *NUMA),
            gpu_inventory=gpus(folder / "gpus.json", f"GPU-{name}-0", f"GPU-{name}-1"),
        )

    def start(self) -> None:
        if self._task is None and not self.is_burnt:
            with self.gate.around():
                self._task = asyncio.create_task(self._supervise(), name=f"machine {self.name}")

    async def kill(self) -> None:
        """As with -9: nothing is said or finished."""
        self.gate.open()
        task, self._task = self._task, None
        while task is not None and not task.done():  # what fails at its end is no way out
            task.cancel()
            await asyncio.wait({task}, timeout=AGAIN)
        self.guard.agent_died()

    async def burn(self) -> None:
        """It is no more, and neither is what was on it."""
        self.is_burnt = True
        await self.kill()
        self.faults.end()
        self.disk.mend()
        self.engine.burn()

    async def join_again(self, token: str) -> None:
        """With a new credential; what runs here from before is left alone."""
        await self.kill()
        self.token = token
        self.engine.disowned |= {record.seen.id for record in self.engine.records()}
        self.engine.is_given_up = False
        self.start()

    async def give_cores(self, ratio: int) -> None:
        """Somebody starts the agent anew with that ratio, in thousandths."""
        await self.kill()
        self._settings = dataclasses.replace(self._settings, cpu_overcommit=ratio)
        self.start()

    def mend(self) -> None:
        """All that is broken here but its disk and its network."""
        self.gate.open()
        self.faults.clear()
        switches = self.engine.switches
        switches.hangs = switches.is_away = switches.loses_events = False
        switches.lost_replies.clear()
        switches.late.clear()
        switches.delays.clear()
        switches.refusals.clear()
        self.engine.programs.clear()
        self.start()

    async def _supervise(self) -> None:
        """What `up` does: start the agent again when it ends."""
        while True:
            try:
                await self._run()
            except Exception as error:
                # Whose credential is worth nothing ends, and whose name is taken.
                if not self.engine.is_given_up and not self.is_twin:
                    self.ended.append(repr(error))
                    self.engine.rules.demand(False, "an agent ended by itself", self.name, repr(error))
                log.exception("the agent ended", extra={"node": self.name})
            self.guard.agent_died()
            await asyncio.sleep(AGAIN)

    async def _run(self) -> None:
        connection = Connection(server=self.link.url, token=self.token)
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(Client(connection, program="agent"))
            heart = await stack.enter_async_context(Client(connection, program="heart"))
            agent = Agent(
                self._settings,
                client=client,
                heart=heart,
                runtime=self.faults.around(FakeRuntime(self.engine, cluster=self._settings.cluster)),
                firewall=FakeFirewall(),
                clock=LoopClock(),
                chance=self._chance,
                mounter=FakeMounter(),
                guard=self.guard,
                hooks=FakeHooks(self.engine),
            )
            await agent.run()
