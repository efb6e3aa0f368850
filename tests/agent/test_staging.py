"""Mounts that do not answer keep nobody but their own VPS waiting."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kohakuriver.agent.deciding.desired import Mount
from kohakuriver.agent.machine.staging import MountSilent, Staging
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.threads import Threads
from kohakuriver.placement.mounts import AllowedMount
from tests.fakes.mounter import FakeMounter


class DeadServer(FakeMounter):
    """Whoever wants to mount waits until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.back = threading.Event()

    def bind(self, descriptor: int, target: str, *, whole: bool) -> None:
        self.back.wait(timeout=30)
        super().bind(descriptor, target, whole=whole)


@pytest.fixture
def server() -> Iterator[DeadServer]:
    made = DeadServer()
    yield made
    made.back.set()


def a_staging(folder: Path, mounter: FakeMounter, *, patience: float) -> tuple[Staging, Mount]:
    (folder / "data").mkdir()
    permitted = (AllowedMount(str(folder / "data")),)
    threads = Threads("mounts", width=2)
    staging = Staging(
        folder / "staged",
        mounter=mounter,
        permitted=permitted,
        node="n1",
        threads=threads,
        patience=patience,
    )
    return staging, Mount(str(folder / "data"), "/data", read_only=False)


async def test_a_mount_that_does_not_answer_is_given_up_and_parks_one_thread_however_often_it_is_tried(
    tmp_path: Path, server: DeadServer
):
    staging, mount = a_staging(tmp_path, server, patience=0.01)
    for _ in range(5):
        with pytest.raises(MountSilent, match="do not answer"):
            await staging.bring("u1", [mount])
    assert await staging.bring("u2", []) == ()


async def test_it_is_brought_once_the_server_is_back(tmp_path: Path, server: DeadServer):
    staging, mount = a_staging(tmp_path, server, patience=30)
    bringing = asyncio.create_task(staging.bring("u1", [mount]))
    await asyncio.sleep(0)
    with pytest.raises(EngineRefused, match="do not answer"):
        await staging.take_away("u1")
    server.back.set()
    (bind,) = await bringing
    assert server.bound == {bind.source: str(tmp_path / "data")}
    await staging.take_away("u1")
    assert server.bound == {}
