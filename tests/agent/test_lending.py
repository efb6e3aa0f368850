"""A tarball goes from the node that has it to one that lacks it, through the real API server."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.agent.images.environments import Environments
from kohakuriver.agent.images.tarballs import Tarballs
from kohakuriver.agent.runtime.base import PullProgress
from kohakuriver.agent.runtime.errors import ImagePullFailed
from kohakuriver.agent.streams.control import Controls
from kohakuriver.agent.streams.lending import Borrower, Lender
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import ObjectKey
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from tests.apiserver.api import Api, running_api, token_of
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime

CONTENT = b"an image" * 300_000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
IMAGE = f"kohakuriver/environment-mine:{DIGEST[7:19]}"


class Held:
    """What an informer of Environments holds."""

    def __init__(self, *held: Object, synced: bool = True) -> None:
        self.synced = synced
        self._held = {ObjectKey("", one["metadata"]["name"]): one for one in held}

    def get(self, key: ObjectKey) -> Object | None:
        return self._held.get(key)


def dialer(api: Api, user: str) -> Dialer:
    return Dialer(Connection(server=api.url, token=token_of(user)), program="test")


async def nothing(uid: str, epoch: int) -> None:
    return None


@contextlib.asynccontextmanager
async def lending(api: Api, environments: Environments, node: str = "n1") -> AsyncIterator[None]:
    """That node's agent, as far as this goes."""
    lender = Lender(environments)
    controls = Controls(dialer(api, node), node=node, doors={}, find=nothing, lend=lender.open)
    task = asyncio.create_task(controls.run())
    while not api.server.streams.is_connected(node):  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def declared(api: Api) -> None:
    spec = {"tarball": "/srv/mine.tar", "digest": DIGEST}
    await api.create(kinds.ENVIRONMENT, {"metadata": {"name": "mine"}, "spec": spec})


def seen(path: Path) -> Environments:
    """The Environment as one machine sees it, on whose disk the path leads there."""
    spec = {"tarball": str(path), "digest": DIGEST}
    return Environments(Held({"metadata": {"name": "mine"}, "spec": spec}))


def borrowing(api: Api, folder: Path, engine: FakeEngine) -> Tarballs:
    """Node n2, which lacks the file."""
    borrower = Borrower(lambda: dialer(api, "n2"))
    return Tarballs(FakeRuntime(engine, cluster="c"), seen(folder / "lacking"), folder / "n2", borrower)


async def test_a_node_without_the_file_gets_it_from_one_that_has_it(tmp_path: Path) -> None:
    engine, steps = FakeEngine(), list[PullProgress]()
    (tmp_path / "mine.tar").write_bytes(CONTENT)
    async with running_api() as api:
        await declared(api)
        async with lending(api, seen(tmp_path / "nothing"), "n3"), lending(api, seen(tmp_path / "mine.tar")):
            await borrowing(api, tmp_path, engine).fetch(IMAGE, steps.append)
    assert IMAGE in engine.images
    assert steps[0].percent is not None and [step.percent for step in steps][-2] == 100
    assert list((tmp_path / "n2").iterdir()) == [], "the copy is not kept"


async def test_another_file_of_that_name_is_not_taken(tmp_path: Path) -> None:
    engine = FakeEngine()
    (tmp_path / "mine.tar").write_bytes(b"something else")
    async with running_api() as api:
        await declared(api)
        async with lending(api, seen(tmp_path / "mine.tar")):
            with pytest.raises(ImagePullFailed, match="is not what the Environment names"):
                await borrowing(api, tmp_path, engine).fetch(IMAGE, lambda step: None)
    assert IMAGE not in engine.images


async def test_where_nobody_has_it_the_words_say_so(tmp_path: Path) -> None:
    async with running_api() as api:
        await declared(api)
        async with lending(api, seen(tmp_path / "nothing")):
            with pytest.raises(ImagePullFailed, match="on no node that is connected"):
                await borrowing(api, tmp_path, FakeEngine()).fetch(IMAGE, lambda step: None)


@pytest.mark.parametrize("user", ["alice", "viewer", "controller"])
async def test_an_environments_files_are_for_nodes_and_administrators(user: str) -> None:
    async with running_api() as api:
        await declared(api)
        with pytest.raises(errors.Forbidden):
            await dialer(api, user).stream(kinds.ENVIRONMENT.path(name="mine", subresource="tarball"))


def test_no_environment_is_said_to_be_missing_before_the_server_has_said_which_there_are() -> None:
    assert Environments(Held(synced=False)).missing("mine").reason == "EnvironmentNotReady"
