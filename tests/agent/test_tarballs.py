"""Tarballs of Environments: fetched, checked, handed to the engine, and not kept."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from kohakuriver.agent.images.environments import Tarball
from kohakuriver.agent.images.tarballs import Tarballs
from kohakuriver.agent.runtime.base import PullProgress
from kohakuriver.agent.runtime.errors import ImagePullFailed
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime

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
async def serving(login: str = "") -> AsyncIterator[str]:
    """A web server with the tarball, for all or for who logs in."""

    async def send(request: web.Request) -> web.Response:
        if login and request.headers.get("Authorization") != login:
            raise web.HTTPUnauthorized
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


async def test_the_password_of_a_url_is_in_the_netrc_of_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(netrc))
    engine = FakeEngine()
    async with serving(aiohttp.encode_basic_auth("me", "secret")) as url:
        with pytest.raises(ImagePullFailed, match="401"):
            await fetch(engine, tmp_path, f"{url}/mine.tar")
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        netrc.chmod(0o600)
        await fetch(engine, tmp_path, f"{url}/mine.tar")
    assert IMAGE in engine.images


async def test_a_full_disk_is_said_to_be_where_the_tarball_was_to_be_copied_to(tmp_path: Path) -> None:
    folder, source = tmp_path / "tarballs", tmp_path / "mine.tar"
    folder.mkdir()
    source.write_bytes(CONTENT)
    for server in (str(source), "http"):
        (folder / DIGEST.removeprefix("sha256:")).symlink_to("/dev/full")
        async with serving() as url:
            with pytest.raises(ImagePullFailed, match=f"copied to {folder}.*No space left on device"):
                await fetch(FakeEngine(), folder, f"{url}/mine.tar" if server == "http" else server)


async def test_a_folder_that_cannot_be_made_fails_the_fetch_and_not_the_agent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with serving() as url:
        with pytest.raises(ImagePullFailed, match="Not a directory"):
            await fetch(FakeEngine(), tmp_path / "file" / "tarballs", f"{url}/mine.tar")


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
