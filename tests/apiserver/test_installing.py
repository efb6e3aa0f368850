"""What the API server hands out to machines that are to be nodes: to whom, what, and how often."""

import hashlib
import io
import math
import os
import tarfile
import threading
from collections.abc import Mapping

import pytest

from kohakuriver import errors, shipped, wheel
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.apiserver.serving import installing
from kohakuriver.apiserver.serving.installing import Bundle, Bundles
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.test_node_joining import a_join_token, join


async def ask(api: Api, token: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
    whole = {"Authorization": f"Bearer {token}", **headers}
    async with api.session.get(api.url + wheel.HANDED_OUT, headers=whole) as reply:
        return reply.status, await reply.read(), reply.headers


async def test_who_shows_a_join_token_gets_all_that_a_machine_needs() -> None:
    async with running_api() as api:
        await a_join_token(api)
        code, content, headers = await ask(api, "join-1")
        assert (code, headers["Content-Type"]) == (200, installing.MEDIA_TYPE)
        assert int(headers["Content-Length"]) == len(content)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            files = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
            assert {one.mode for one in archive} == {0o600}
        own = wheel.own()
        assert set(files) == {*installing.FILES, own.file_name, "sha256"}
        assert files[own.file_name] == own.content
        assert files["sha256"].decode().strip() == hashlib.sha256(own.content).hexdigest()
        assert files["requirements.txt"] == shipped.path("install/requirements.txt").read_bytes()
        assert (await join(api, "n7")).code == 201, "the token is good for joining still"


async def test_nobody_else_gets_it() -> None:
    async with running_api() as api:
        for user in ("alice", "viewer", "controller", "n1"):
            assert (await ask(api, api.token(user)))[0] == 403
        assert (await ask(api, "unknown"))[0] == 401
        assert (await ask(api, api.token("admin")))[0] == 200
        await a_join_token(api)
        reply = await api.call("DELETE", kinds.TOKEN.path(name="join-1"))
        assert reply.code == 200
        assert (await ask(api, "join-1"))[0] == 401, "nor who has a token that was taken back"


async def test_who_has_it_already_gets_no_second_copy() -> None:
    async with running_api() as api:
        _, content, headers = await ask(api, api.token("admin"))
        again = await ask(api, api.token("admin"), **{"If-None-Match": headers["ETag"]})
        assert again[:2] == (304, b"")
        other = await ask(api, api.token("admin"), **{"If-None-Match": '"other"'})
        assert other[:2] == (200, content)


async def test_a_token_that_asks_in_a_loop_is_told_to_wait_and_its_fellows_are_not() -> None:
    archive = installing.bundle(wheel.own(), shipped.path("install")).content
    cost = 1.0 + weights.INSTALLATION + weights.sending(len(archive))
    # Two are paid for, and a token is left to ask with; another one is due in 100 seconds.
    async with running_api(limits=Limits(rate=0.01, burst=math.ceil(2 * cost) + 1)) as api:
        await a_join_token(api)
        await a_join_token(api, "join-2")
        codes = [(await ask(api, "join-1"))[0] for _ in range(2)]
        assert codes == [200, 200]
        code, _, headers = await ask(api, "join-1")
        assert code == 429 and int(headers["Retry-After"]) >= 1
        assert (await ask(api, "join-2"))[0] == 200
        assert (await api.get(kinds.NODE.path())).code == 200


async def test_it_is_made_once_and_beside_the_loop() -> None:
    made: list[int] = []

    def make() -> Bundle:
        made.append(threading.get_ident())
        return Bundle(b"x", '"x"')

    bundles = Bundles(make)
    assert await bundles.get() is await bundles.get()
    assert len(made) == 1 and made != [threading.get_ident()]


async def test_a_server_that_cannot_make_it_says_why_and_tries_again() -> None:
    lacking: list[Exception] = [FileNotFoundError(2, "this installation lacks it", "/x/install.sh")]

    def make() -> Bundle:
        if lacking:
            raise lacking.pop()
        return Bundle(b"x", '"x"')

    bundles = Bundles(make)
    with pytest.raises(errors.NotFound, match=r"cannot hand out KohakuRiver: .*/x/install\.sh"):
        await bundles.get()
    assert (await bundles.get()).content == b"x"


def test_the_same_files_make_the_same_archive(tmp_path: os.PathLike[str]) -> None:
    files = {"b": b"1", "a": b"2"}
    assert installing.tar(files) == installing.tar(dict(reversed(files.items())))


async def test_whatever_was_in_the_way_once_is_tried_again() -> None:
    made = iter([RuntimeError("can't start new thread"), Bundle(b"it", '"1"')])

    def make() -> Bundle:
        if isinstance(one := next(made), RuntimeError):
            raise one
        return one

    bundles = Bundles(make)
    with pytest.raises(RuntimeError):
        await bundles.get()
    assert (await bundles.get()).content == b"it"
