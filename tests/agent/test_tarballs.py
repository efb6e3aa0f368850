"""Tarballs of Environments: fetched, checked, handed to the engine, and not kept."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from agent.images.environments import Tarball
from agent.images.tarballs import Tarballs
from agent.runtime.base import PullProgress
from agent.runtime.errors import ImagePullFailed
from agent.runtime.fake import FakeRuntime
from agent.runtime.fake_engine import FakeEngine

CONTENT = b"an image" * 300_000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
IMAGE = "kohakuriver/environment-mine:1"


class OneEnvironment:
    """Knows one tarball."""

    def __init__(self, source: str, digest: str = DIGEST) -> None:
        self._tarball = Tarball("mine", source, digest)

    def tarball(self, image: str) -> Tarball | None:
        return self._tarball if image == IMAGE else None


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """A web server with the tarball."""

    async def send(request: web.Request) -> web.Response:
        return web.Response(body=CONTENT)

    app = web.Application()
    app.router.add_get("/mine.tar", send)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def fetch(engine: FakeEngine, folder: Path, source: str, digest: str = DIGEST) -> list[PullProgress]:
    steps: list[PullProgress] = []
    runtime = FakeRuntime(engine, cluster="c")
    await Tarballs(runtime, OneEnvironment(source, digest), folder).fetch(IMAGE, steps.append)
    return steps


async def test_a_tarball_is_fetched_from_a_url_with_its_progress(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with serving() as url:
        steps = await fetch(engine, tmp_path / "tarballs", f"{url}/mine.tar")
    assert IMAGE in engine.images
    assert [step.percent for step in steps][-2:] == [100, None]
    assert list((tmp_path / "tarballs").iterdir()) == []


async def test_what_has_another_digest_is_not_loaded(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with serving() as url:
        with pytest.raises(ImagePullFailed, match="is not what the Environment names"):
            await fetch(engine, tmp_path, f"{url}/mine.tar", f"sha256:{'0' * 64}")
    assert engine.calls["load"] == 0


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with serving() as url:
        with pytest.raises(ImagePullFailed, match="404"):
            await fetch(engine, tmp_path, f"{url}/other.tar")
    with pytest.raises(ImagePullFailed, match="cannot be read on this node: No such file"):
        await fetch(engine, tmp_path, str(tmp_path / "nothing.tar"))
