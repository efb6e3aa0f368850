"""Pulls: shared out among namespaces, given up when nobody waits for them, and never without end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kohakuriver.agent.deciding.memory import ImageState, ImageView
from kohakuriver.agent.images import images
from kohakuriver.agent.images.environments import Tarball
from kohakuriver.agent.images.images import Images
from kohakuriver.agent.images.stock import Stock
from kohakuriver.agent.images.tarballs import Tarballs
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.runtime.base import PullProgress
from kohakuriver.resources.vps import PullPolicy
from tests.fakes.clock import LoopClock
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime
from tests.fakes.switches import FakeImage, Pull

pytestmark = pytest.mark.looptime
SLOW = images.WITHIN / 2  # seconds


PRIVATE = "registry.example/team/private:1"


class NoEnvironments:
    def tarball(self, image: str) -> Tarball | None:
        return None


@contextlib.asynccontextmanager
async def pulling(
    engine: FakeEngine,
    folder: Path,
    *,
    runtime: FakeRuntime | None = None,
    as_node: Callable[[str], bool] = lambda image: False,
) -> AsyncIterator[Images]:
    runtime = runtime or FakeRuntime(engine, cluster="c")
    tarballs = Tarballs(runtime, NoEnvironments(), folder)
    known = Images(
        runtime,
        tarballs,
        clock=LoopClock(),
        changed=lambda image: None,
        asked_as_node=as_node,
        stock=Stock(Journal(folder), clock=LoopClock()),
    )
    task = asyncio.create_task(known.run())
    try:
        yield known
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def slow(engine: FakeEngine, *names: str, seconds: float = SLOW) -> None:
    for name in names:
        engine.registry[name] = Pull(FakeImage(f"sha256:{name}"), seconds=seconds)


def view(known: Images, image: str) -> ImageView:
    return known.view(image, policy=PullPolicy.IF_NOT_PRESENT, uid="u")


async def test_a_namespace_whose_registries_are_slow_keeps_nobody_elses_image_waiting(tmp_path: Path) -> None:
    engine = FakeEngine()
    slow(engine, *(f"a{number}" for number in range(20)))
    slow(engine, "b", seconds=10)
    async with pulling(engine, tmp_path) as known:
        for number in range(20):
            known.pull(f"a{number}", f"uid-{number}", "team-a")
        await asyncio.sleep(1)
        assert engine.calls["pull"] == 3
        known.pull("b", "uid-b", "team-b")
        await asyncio.sleep(12)
        assert "b" in engine.images
        await asyncio.sleep(SLOW)
        assert engine.calls["pull"] == 7


async def test_what_nobody_waits_for_any_more_is_given_up(tmp_path: Path) -> None:
    engine = FakeEngine()
    slow(engine, "big")
    async with pulling(engine, tmp_path) as known:
        for uid in ("one", "other"):
            known.pull("big", uid, "team-a")
        await asyncio.sleep(1)
        known.leave("one")
        await asyncio.sleep(1)
        assert view(known, "big").state is ImageState.PULLING
        known.leave("other")
        await asyncio.sleep(SLOW)
        assert "big" not in engine.images and view(known, "big").state is ImageState.USABLE
        slow(engine, "big", seconds=5)
        known.pull("big", "one", "team-a")
        await asyncio.sleep(6)
        assert "big" in engine.images


async def test_who_wants_another_image_waits_for_the_first_no_more(tmp_path: Path) -> None:
    engine = FakeEngine()
    slow(engine, "big")
    slow(engine, "small", seconds=5)
    async with pulling(engine, tmp_path) as known:
        known.pull("big", "one", "team-a")
        await asyncio.sleep(1)
        known.pull("small", "one", "team-a")
        await asyncio.sleep(SLOW)
        assert "small" in engine.images and "big" not in engine.images


async def test_what_waits_for_its_turn_and_is_not_wanted_any_more_is_never_asked_for(tmp_path: Path) -> None:
    engine = FakeEngine()
    slow(engine, *"abcd", seconds=10)
    async with pulling(engine, tmp_path) as known:
        for image in "abcd":
            known.pull(image, f"uid-{image}", "team-a")
        await asyncio.sleep(1)
        known.leave("uid-d")
        await asyncio.sleep(30)
        assert engine.calls["pull"] == 3


async def test_a_pull_ends(tmp_path: Path) -> None:
    engine = FakeEngine()
    slow(engine, "endless", seconds=10 * images.WITHIN)
    async with pulling(engine, tmp_path) as known:
        known.pull("endless", "one", "team-a")
        await asyncio.sleep(images.WITHIN + 1)
        seen = view(known, "endless")
        assert seen.state is ImageState.FAILED
        assert seen.message.startswith("the image endless could not be pulled: it was not there after 6h")


async def test_an_image_that_another_namespace_waits_for_too_is_fetched_in_the_first_place_there_is(
    tmp_path: Path,
) -> None:
    engine = FakeEngine()
    slow(engine, "a0", "a1", "a2")
    slow(engine, "common", seconds=5)
    async with pulling(engine, tmp_path) as known:
        for image in ("a0", "a1", "a2", "common"):
            known.pull(image, f"uid-{image}", "team-a")
        await asyncio.sleep(1)
        known.pull("common", "uid-b", "team-b")
        await asyncio.sleep(7)
        assert "common" in engine.images and engine.calls["pull"] == 4
        await asyncio.sleep(2 * SLOW)
        assert engine.calls["pull"] == 4, "it was fetched again"


async def test_a_tarball_that_was_given_up_in_the_middle_is_loaded_when_it_is_asked_for_again(
    tmp_path: Path,
) -> None:
    engine = FakeEngine()
    reports: list[Callable[[PullProgress], None]] = []
    slow(engine, "big")

    class Reporting(FakeRuntime):
        async def pull(
            self, reference: str, progress: Callable[[PullProgress], None], *, as_node: bool = False
        ) -> None:
            reports.append(progress)
            await super().pull(reference, progress, as_node=as_node)

    async with pulling(engine, tmp_path, runtime=Reporting(engine, cluster="c")) as known:
        known.pull("big", "one", "team-a")
        await asyncio.sleep(1)
        known.leave("one")
        await asyncio.sleep(1)
        reports[0](PullProgress(percent=99, message=""))  # a thread that nobody could end
        assert view(known, "big").state is ImageState.USABLE
        known.pull("big", "one", "team-a")
        await asyncio.sleep(SLOW + 1)
        assert "big" in engine.images


async def test_the_nodes_credentials_go_along_for_what_an_environment_names_alone(tmp_path: Path) -> None:
    engine, of_environments = FakeEngine(), set[str]()
    engine.registry[PRIVATE] = Pull(FakeImage("sha256:p"), private=True)
    async with pulling(engine, tmp_path, as_node=of_environments.__contains__) as known:
        known.pull(PRIVATE, "one", "team-a")
        await asyncio.sleep(1)
        refused = view(known, PRIVATE)
        assert refused.state is ImageState.FAILED and PRIVATE not in engine.images
        assert "unauthorized" in refused.message and "kohakuriver env create" in refused.message
        of_environments.add(PRIVATE)
        known.pull(PRIVATE, "two", "team-b")
        await asyncio.sleep(1)
        assert view(known, PRIVATE) == ImageView() and PRIVATE in engine.images
