"""Sessions and codes on a real etcd, with two API servers: one transaction, and one watch each."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.pages.kit import Browser, a_page
from tests.apiserver.pages.test_codes import a_code
from tests.apiserver.test_tokens import a_token, ends
from tests.etcd import EtcdProcess

pytestmark = pytest.mark.etcd

VPSES = kinds.VPS.path(namespace="default")


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdProcess]:
    with EtcdProcess(tmp_path_factory.mktemp("etcd")) as process:
        yield process


@pytest.fixture
async def servers(etcd: EtcdProcess, tmp_path: Path) -> AsyncIterator[tuple[Api, Api]]:
    page = a_page(tmp_path)
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            store = await EtcdStore.connect([etcd.endpoint], prefix="/kohakuriver")
            stack.push_async_callback(store.aclose)
            api = running_api(store, clock=SystemClock(), page=page)  # type: ignore[arg-type]
            found.append(await stack.enter_async_context(api))
        yield found[0], found[1]


async def test_of_four_that_race_with_one_code_one_gets_in_and_both_servers_know_it(
    servers: tuple[Api, Api],
) -> None:
    one, other = servers
    code = await a_code(one)
    browsers = [Browser(api) for api in (one, other, one, other)]
    replies = await asyncio.gather(*(browser.redeems(code) for browser in browsers))
    assert sorted(reply.code for reply in replies) == [201, 401, 401, 401]
    let_in = next(browser for browser in browsers if browser.secret)
    there = [Browser(api, secret=let_in.secret, key=let_in.key) for api in servers]
    assert [await one.is_let_in() for one in there] == [True, True]
    assert not (await one.store.list(codec.CODES)).records


async def test_a_session_ends_with_its_token_within_a_second_on_another_server(
    servers: tuple[Api, Api],
) -> None:
    one, other = servers
    await one.create(kinds.TOKEN, a_token())
    browser = Browser(one)
    await browser.logs_in("s3cret")
    there = Browser(other, secret=browser.secret, key=browser.key)
    async with other.session.get(f"{other.url}{VPSES}?watch=1", headers=there.headers) as watch:
        assert watch.status == 200
        await one.call("DELETE", f"{kinds.TOKEN.path()}/user-1")
        await ends(watch, within=10)  # a second, where nothing else runs
    assert not await there.is_let_in()
