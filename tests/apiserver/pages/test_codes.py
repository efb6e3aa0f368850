"""One-time codes: who gets one, and that it lets one browser in, once, soon, on any server."""

import asyncio
import datetime
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver.apiserver.identity.identity import Role, User, fingerprint
from kohakuriver.apiserver.store import codec
from kohakuriver.clock import parse_timestamp
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api, token_of
from tests.apiserver.pages.kit import Browser, a_page
from tests.apiserver.pages.test_sessions import LateClock, sessions
from tests.apiserver.test_tokens import a_token
from tests.fakes.store import MemoryStore

TOKENS = kinds.TOKEN.path()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(page=a_page(tmp_path)) as running:
        yield running


async def a_code(api: Api, user: str = "alice") -> str:
    reply = await api.call("POST", "/ui/codes", user=user)
    assert reply.code == 201, reply.body
    return str(reply.body["code"])


def left(api: Api, reply: Reply) -> float:
    """Seconds until what was answered is over."""
    return (parse_timestamp(reply.body["expiresAt"]) - api.server.clock.now()).total_seconds()


async def test_a_code_lets_a_browser_in_as_who_made_it_once(api: Api) -> None:
    reply = await api.call("POST", "/ui/codes", user="alice")
    assert reply.code == 201 and reply.headers["Cache-Control"] == "no-store"
    assert 28 <= left(api, reply) <= 30 and len(reply.body["code"]) == 43
    first, second = Browser(api), Browser(api)
    answer = await first.redeems(reply.body["code"])
    assert (answer.code, answer.body["user"]) == (201, "alice")
    assert "Secure; HttpOnly; SameSite=Strict" in first.set_cookie
    assert (await first.asks("GET", kinds.VPS.path(namespace="default"))).code == 200
    again = await second.redeems(reply.body["code"])
    assert again.code == 401 and "kohakuriver ui" in again.body["details"]["hint"]
    assert len(await sessions(api)) == 1


async def test_the_store_has_no_more_than_its_hash_and_nothing_once_it_is_used(api: Api) -> None:
    code = await a_code(api)
    page = await api.store.list(codec.CODES)
    assert [record.key for record in page.records] == [codec.CODES + fingerprint(code)]
    assert code.encode() not in page.records[0].value
    await Browser(api).redeems(code)
    assert not (await api.store.list(codec.CODES)).records


async def test_a_code_is_over_after_thirty_seconds(tmp_path: Path) -> None:
    clock = LateClock()
    async with running_api(page=a_page(tmp_path), clock=clock) as api:
        code = await a_code(api)
        clock.later = datetime.timedelta(seconds=30)
        assert (await Browser(api).redeems(code)).code == 401
        clock.later = datetime.timedelta(seconds=25)
        assert (await Browser(api).redeems(code)).code == 201


@pytest.mark.looptime
async def test_the_store_forgets_a_code_that_nobody_uses(tmp_path: Path) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        await a_code(api)
        await asyncio.sleep(60)
        assert not (await api.store.list(codec.CODES)).records


async def test_of_two_that_come_at_once_to_two_servers_one_gets_in(tmp_path: Path) -> None:
    store, page = MemoryStore(), a_page(tmp_path)
    async with running_api(store, page=page) as one, running_api(store, page=page) as other:
        for _ in range(5):
            code = await a_code(one)
            browsers = [Browser(api) for api in (one, other, one, other)]
            replies = await asyncio.gather(*(browser.redeems(code) for browser in browsers))
            assert sorted(reply.code for reply in replies) == [201, 401, 401, 401]
        assert len(await sessions(one)) == 5


async def test_a_code_is_good_no_more_than_the_token_it_was_made_with(api: Api) -> None:
    await api.create(kinds.TOKEN, a_token(ttl="10s"))
    bearer = {"Authorization": "Bearer s3cret"}
    made = [await api.call("POST", "/ui/codes", headers=bearer) for _ in range(2)]
    assert 5 < left(api, made[0]) <= 10
    assert 5 < left(api, await Browser(api).redeems(made[0].body["code"])) <= 10
    await api.call("DELETE", f"{TOKENS}/user-1")
    refused = await Browser(api).redeems(made[1].body["code"])
    assert refused.code == 401 and "user-1 was revoked" in refused.body["message"]
    assert await sessions(api) == []


@pytest.mark.parametrize("user", ["n1", "controller", "joiner"])
async def test_machines_get_no_code(tmp_path: Path, user: str) -> None:
    async with running_api(page=a_page(tmp_path), users=(User("joiner", Role.JOIN),)) as api:
        assert (await api.call("POST", "/ui/codes", user=user)).code == 403


async def test_a_session_gets_no_code_or_it_would_never_end(api: Api) -> None:
    browser = Browser(api)
    await browser.logs_in(token_of("alice"))
    reply = await browser.asks("POST", "/ui/codes")
    assert reply.code == 403 and "would never end" in reply.body["message"]
    reply = await api.call("POST", "/ui/codes", headers={"Impersonate-User": "alice"})
    assert reply.code == 403


async def test_a_server_without_a_page_gives_no_code_and_says_why(tmp_path: Path) -> None:
    async with running_api(page=tmp_path / "none") as api:
        reply = await api.call("POST", "/ui/codes")
        assert reply.code == 404 and "make web" in reply.body["details"]["hint"]


async def send(api: Api, content: bytes, **headers: str) -> Reply:
    said = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with api.session.post(f"{api.url}/ui/session", data=content, headers=said) as reply:
        return Reply(reply.status, await reply.json(), reply.headers)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 401),
        (b" ", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b'{"code": 1}', 400),
        (b'{"code": ""}', 401),
        (b'{"code": "x"}', 401),
        (b'{"code": "' + b"x" * 43 + b'"}', 401),
        (b'{"code": "' + b"x" * 2000 + b'"}', 413),
        (b'{"code": "../../tokens/user-1"}', 401),
    ],
)
async def test_what_is_no_code_opens_nothing(api: Api, content: bytes, code: int) -> None:
    reply = await send(api, content)
    assert reply.code == code and "Set-Cookie" not in reply.headers
    assert code != 401 or reply.headers["Connection"] == "close", "as after every login that failed"


@pytest.mark.parametrize(
    "says",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"},
    ],
)
async def test_no_page_of_another_site_logs_a_browser_in_as_somebody(api: Api, says: dict[str, str]) -> None:
    code = await a_code(api)
    content = f'{{"code": "{code}"}}'.encode()
    assert (await send(api, content, **says)).code == 403
    assert (await send(api, content, Content_Type="text/plain")).code == 415, "as a form can send it"
    assert (await send(api, content)).code == 201, "and the code was not used up by that"


async def test_who_logs_in_and_what_a_session_does_is_told_by_the_audit_log(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(api)
    with caplog.at_level(logging.INFO, logger="kohakuriver.apiserver.audit"):
        code = await a_code(api)
        await browser.redeems(code)
        vps = {"apiVersion": kinds.VPS.api_version, "kind": "VPS", "spec": {"image": "x"}}
        await browser.asks(
            "POST", kinds.VPS.path(namespace="default"), json=vps | {"metadata": {"name": "v"}}
        )
        await browser.asks("DELETE", "/ui/session")
        await Browser(api).redeems(code)
    told = [vars(record) for record in caplog.records]
    lines = [
        (one["who"], one["verb"], one["_audit"].get("event"), one["code"]) for one in told if "_audit" in one
    ]
    assert lines == [
        ("alice", "create", "write", 201),
        ("alice", "create", "write", 201),
        ("alice", "create", "write", 201),
        ("alice", "delete", "write", 204),
        ("-", "create", "refused", 401),
    ]
    begun, made = told[1]["_audit"], told[2]["_audit"]
    assert begun["name"].startswith("session-") and made["credential"] == begun["name"]
    assert code not in str(told) and browser.secret not in str(told)
