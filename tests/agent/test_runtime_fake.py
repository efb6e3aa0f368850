"""The in-memory runtime keeps the contract, and its switches do what they say."""

import asyncio
import dataclasses
import itertools
from pathlib import Path

import pytest

from kohakuriver.agent.runtime.base import ContainerSpec, ContainerState, PullProgress
from kohakuriver.agent.runtime.errors import ImagePullFailed, NameTaken, RuntimeTimeout, RuntimeUnavailable
from tests.agent.runtime_contract import BUSYBOX, RuntimeContract, a_spec, started
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime
from tests.fakes.switches import FakeImage, Program, Pull

pytestmark = pytest.mark.looptime


class FakeWorld:
    def __init__(self) -> None:
        self.cluster = "c1"
        self.network = "kohakuriver-c1"
        self.engine = FakeEngine()
        self.runtime = self.runtime_of(self.cluster)
        self._ports = itertools.count(30000)

    def runtime_of(self, cluster: str) -> FakeRuntime:
        return FakeRuntime(self.engine, cluster=cluster)

    def that_exits(self, spec: ContainerSpec, *, code: int) -> ContainerSpec:
        self.engine.programs[spec.name] = Program(runs_for=0, exit_code=code)
        return spec

    async def listens(self, container_id: str) -> None:
        """At once."""

    def use_memory(self, container_id: str, amount: int) -> None:
        self.engine.used[container_id] = amount

    def unweigh(self, container_id: str) -> None:
        limits = self.engine.find(container_id).seen.limits
        assert limits is not None
        self.engine.update(container_id, dataclasses.replace(limits, is_weighed=False))

    def free_port(self) -> int:
        return next(self._ports)


@pytest.fixture
async def world(tmp_path: Path) -> FakeWorld:
    world = FakeWorld()
    world.engine.folder = str(tmp_path)
    await world.runtime.ensure_network(world.network)
    return world


class TestFakeRuntime(RuntimeContract):
    """The contract."""


async def test_a_create_whose_reply_is_lost_has_happened(world: FakeWorld) -> None:
    world.engine.switches.lost_replies["create"] = 1
    spec = a_spec(world)
    with pytest.raises(RuntimeTimeout):
        await world.runtime.create(spec)
    with pytest.raises(NameTaken):
        await world.runtime.create(spec)


async def test_a_late_create_happens_after_it_was_given_up(world: FakeWorld) -> None:
    world.engine.switches.late["create"] = 60
    with pytest.raises(RuntimeTimeout):
        await world.runtime.create(a_spec(world))
    assert await world.runtime.list() == []
    await asyncio.sleep(61)
    assert len(await world.runtime.list()) == 1


async def test_a_program_that_ignores_term_is_killed_after_the_grace(world: FakeWorld) -> None:
    world.engine.programs[BUSYBOX] = Program(ends_after=float("inf"))
    container_id = await started(world)
    before = asyncio.get_running_loop().time()
    await world.runtime.stop(container_id, 10)
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert container.exit_code == 137
    assert asyncio.get_running_loop().time() - before == pytest.approx(10)


async def test_a_crash_tells_its_code_and_whether_memory_ran_out(world: FakeWorld) -> None:
    world.engine.programs[BUSYBOX] = Program(runs_for=5, exit_code=137, oom=True)
    container_id = await started(world)
    await asyncio.sleep(6)
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert (container.exit_code, container.oom_killed) == (137, True)


async def test_a_program_of_an_earlier_run_does_not_end_the_next(world: FakeWorld) -> None:
    world.engine.programs[BUSYBOX] = Program(runs_for=5)
    container_id = await started(world)
    await world.runtime.kill(container_id)
    world.engine.programs[BUSYBOX] = Program()
    await world.runtime.start(container_id)
    await asyncio.sleep(6)
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert container.state is ContainerState.RUNNING


async def test_an_engine_that_is_away_says_so_and_ends_its_streams(world: FakeWorld) -> None:
    events = world.runtime.events()
    await anext(events)
    world.engine.go_away()
    with pytest.raises(RuntimeUnavailable):
        await anext(events)
    with pytest.raises(RuntimeUnavailable):
        await world.runtime.list()


async def test_a_hung_engine_is_given_up_after_a_while(world: FakeWorld) -> None:
    world.engine.switches.hangs = True
    with pytest.raises(RuntimeTimeout):
        await world.runtime.info()


async def test_a_restarted_engine_has_ended_its_containers(world: FakeWorld) -> None:
    container_id = await started(world)
    world.engine.restart()
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert (container.state, container.exit_code) == (ContainerState.EXITED, 255)


async def test_a_pull_shows_how_far_it_is_and_brings_the_image(world: FakeWorld) -> None:
    world.engine.registry["debian:12"] = Pull(FakeImage("sha256:d12"), seconds=100)
    steps: list[PullProgress] = []
    await world.runtime.pull("debian:12", steps.append)
    assert [step.percent for step in steps] == [None, 0, 25, 50, 75]
    assert (await world.runtime.image("debian:12")) is not None


async def test_a_pull_that_fails_brings_nothing(world: FakeWorld) -> None:
    world.engine.registry["debian:12"] = Pull(FakeImage("sha256:d12"), error="denied")
    with pytest.raises(ImagePullFailed, match="denied"):
        await world.runtime.pull("debian:12", lambda progress: None)
    assert await world.runtime.image("debian:12") is None


async def test_what_is_done_by_hand_is_seen(world: FakeWorld) -> None:
    container_id = await started(world)
    world.engine.rename(container_id, "something-else")
    world.engine.pause(container_id)
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert (container.name, container.state) == ("something-else", ContainerState.PAUSED)
    assert dataclasses.asdict(container)["pid"]
