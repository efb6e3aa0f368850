"""Sessions of browsers: what they are made of, what they open, and that they end with it, everywhere."""

import asyncio
import datetime
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from kohakuriver.apiserver.admission import admission
from kohakuriver.apiserver.identity import cookies
from kohakuriver.apiserver.identity.identity import Role, User, fingerprint
from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.apiserver.store.base import Batch
from kohakuriver.apiserver.write import browser_sessions
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.pages.kit import Browser
from tests.apiserver.test_tokens import a_token, as_bearer, ends
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

TOKENS = kinds.TOKEN.path()
VPSES = kinds.VPS.path(namespace="default")
OTHERS = kinds.VPS.path(namespace="other")


class LateClock(LoopClock):
    """The loop's, and later."""

    later = datetime.timedelta()

    def now(self) -> datetime.datetime:
        return super().now() + self.later


async def sessions(api: Api) -> list[dict[str, Any]]:
    """Their Tokens."""
    listed = await api.get(TOKENS)
    return [token for token in listed.body["items"] if "session" in token["spec"]]


async def test_a_token_that_is_pasted_becomes_a_cookie_that_no_script_and_no_other_site_gets() -> None:
    async with running_api() as api:
        browser = Browser(api)
        reply = await browser.logs_in(token_of("alice"))
        assert reply.code == 201 and reply.headers["Cache-Control"] == "no-store"
        assert re.fullmatch(
            r"__Host-kohakuriver=[\w-]{43}; Max-Age=43\d{3}; Path=/; Secure; HttpOnly; SameSite=Strict",
            browser.set_cookie,
        )
        assert browser.secret not in str(reply.body)
        told = {"user": "alice", "role": "user", "namespaces": ["default"], "rights": []}
        assert reply.body.items() >= told.items()
        assert reply.body["expiresAt"] == "2026-01-01T12:00:00Z"
        again = await browser.asks("GET", "/ui/session")
        key = reply.body.pop("key")
        assert re.fullmatch(r"[\w-]{43}", key) and key not in browser.set_cookie
        assert (again.code, again.body) == (200, reply.body), "the key is told once"


async def test_a_session_opens_what_its_credential_opens_and_no_more() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("alice"))
        vps = {"apiVersion": kinds.VPS.api_version, "kind": "VPS", "spec": {"image": "x"}}
        vps["metadata"] = {"name": "dev"}
        assert (await browser.asks("POST", VPSES, json=vps)).code == 201
        assert [one["metadata"]["name"] for one in (await browser.asks("GET", VPSES)).body["items"]] == [
            "dev"
        ]
        for method, path in (("GET", OTHERS), ("GET", TOKENS), ("DELETE", f"{TOKENS}/x")):
            assert (await browser.asks(method, path)).code == 403
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        who = (await browser.asks("POST", path, json=review)).body["status"]["userInfo"]
        assert who["username"] == "alice" and "kohakuriver:user" in who["groups"]


async def test_what_is_answered_to_a_session_runs_nowhere_and_is_kept_nowhere() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("alice"))
        for path, code in ((VPSES, 200), (OTHERS, 403)):
            reply = await browser.asks("GET", path)
            assert (reply.code, reply.headers["Cache-Control"]) == (code, "no-store")
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in reply.headers["Content-Security-Policy"]
            assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        bearer = await api.get(VPSES)
        assert "Content-Security-Policy" not in bearer.headers, "programs get what they have always got"


async def test_only_the_hash_is_stored_and_the_secret_is_no_bearer_token() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("admin"))
        [token] = await sessions(api)
        assert token["spec"]["sha256"] == fingerprint(browser.secret + browser.key)
        assert browser.secret not in str(token)
        for part in (browser.secret, browser.key, browser.secret + browser.key):
            assert (await as_bearer(api, VPSES, part)).code == 401
        plain = Browser(api, secret="x" * 43, key="k" * 43)
        await api.create(kinds.TOKEN, a_token(secret=plain.secret + plain.key))
        assert not await plain.is_let_in(), "nor is a bearer token a session"


async def test_nobody_but_the_server_makes_a_session() -> None:
    async with running_api() as api:
        await Browser(api).logs_in(token_of("alice"))
        [real] = await sessions(api)
        made_of = real["spec"]["session"]
        forged = (
            (a_token("mine", session=made_of), "spec.session"),
            (a_token("session-mine"), "is for sessions"),
        )
        for token, words in forged:
            body = {"apiVersion": kinds.TOKEN.api_version, "kind": "Token", **token}
            reply = await api.call("POST", TOKENS, body)
            assert reply.code == 422 and words in str(reply.body), reply.body
        await api.create(kinds.TOKEN, a_token("mine"))
        merge = {"Content-Type": "application/merge-patch+json"}
        for name, spec in (("mine", {"session": made_of}), (real["metadata"]["name"], {"user": "root"})):
            reply = await api.call("PATCH", f"{TOKENS}/{name}", {"spec": spec}, headers=merge)
            assert reply.code == 422 and "a token stays what it is" in reply.body["message"]


@pytest.mark.parametrize("way", ["logout", "session", "token", "token, and what it has made shall stay"])
async def test_a_session_that_is_ended_ends_what_it_watches_within_a_second_on_every_server(way: str) -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(store) as other:
        await one.create(kinds.TOKEN, a_token())
        browser = Browser(one)
        assert (await browser.logs_in("s3cret")).code == 201
        there = Browser(other, secret=browser.secret, key=browser.key)
        assert await there.is_let_in(), "another API server knows it at once"
        watched = [
            await other.session.get(f"{other.url}{VPSES}?watch=1", headers=there.headers) for _ in range(2)
        ]
        assert [watch.status for watch in watched] == [200, 200]
        match way:
            case "logout":
                reply = await browser.asks("DELETE", "/ui/session")
                assert reply.code == 204 and "Max-Age=0;" in reply.headers["Set-Cookie"]
            case "session":
                [token] = await sessions(one)
                await one.call("DELETE", f"{TOKENS}/{token['metadata']['name']}")
            case "token":
                await one.call("DELETE", f"{TOKENS}/user-1")
            case _:
                await one.call("DELETE", f"{TOKENS}/user-1?propagationPolicy=Orphan")
        for watch in watched:
            await ends(watch, within=1)
            watch.close()
        assert not await there.is_let_in() and not await browser.is_let_in()
        await asyncio.sleep(1)
        assert len(await sessions(one)) == ("stay" in way), "what has lost its token is collected"


async def test_a_session_goes_on_where_its_server_is_started_again() -> None:
    store = MemoryStore()
    async with running_api(store) as api:
        browser = Browser(api)
        await browser.logs_in(token_of("alice"))
    async with running_api(store) as api:
        assert await Browser(api, secret=browser.secret, key=browser.key).is_let_in()


async def test_a_session_of_the_token_file_has_what_the_file_says_now() -> None:
    store = MemoryStore()
    dora = User("dora", Role.ADMIN)
    async with running_api(store, users=(dora,)) as api:
        browser = Browser(api)
        await browser.logs_in(token_of("dora"))
        assert (await browser.asks("GET", TOKENS)).code == 200
    async with running_api(store, users=(User("dora", Role.VIEWER),)) as api:
        later = Browser(api, secret=browser.secret, key=browser.key)
        assert ((await later.asks("GET", VPSES)).code, (await later.asks("GET", TOKENS)).code) == (200, 403)
    async with running_api(store, users=(User("dora", Role.CONTROLLER),)) as api:
        assert (
            await Browser(api, secret=browser.secret, key=browser.key).asks("GET", "/ui/session")
        ).code == 401
    async with running_api(store) as api:
        reply = await Browser(api, secret=browser.secret, key=browser.key).asks("GET", "/ui/session")
        assert reply.code == 401 and "token file" in reply.body["message"]


async def test_a_session_is_over_after_twelve_hours_or_with_its_token_and_so_are_its_watches() -> None:
    store, clock = MemoryStore(), LateClock()
    async with running_api(store, clock=clock) as api:
        await api.create(kinds.TOKEN, a_token(ttl="1h"))
        short, long = Browser(api), Browser(api)
        assert (await short.logs_in("s3cret")).body["expiresAt"] == "2026-01-01T01:00:00Z"
        assert (await long.logs_in(token_of("alice"))).body["expiresAt"] == "2026-01-01T12:00:00Z"
        clock.later = datetime.timedelta(minutes=59, seconds=50)
        async with api.session.get(f"{api.url}{VPSES}?watch=1", headers=short.headers) as watch:
            assert watch.status == 200
            await ends(watch, within=11)
        clock.later += datetime.timedelta(seconds=11)
        assert (await short.is_let_in(), await long.is_let_in()) == (False, True)
        clock.later = datetime.timedelta(hours=12)
        reply = await long.asks("GET", "/ui/session")
        assert reply.code == 401 and "expired at 2026-01-01 12:00:00" in reply.body["message"]
        assert admission.rules_for(kinds.TOKEN).lifetime((await sessions(api))[0]) == 12 * 3600


async def test_the_twenty_first_session_of_a_user_ends_the_first() -> None:
    async with running_api() as api:
        browsers = [Browser(api) for _ in range(browser_sessions.MOST + 1)]
        other = Browser(api)
        await other.logs_in(token_of("viewer"))
        for browser in browsers:
            assert (await browser.logs_in(token_of("alice"))).code == 201
        assert [await browser.is_let_in() for browser in browsers] == [False] + [True] * 20
        assert len(await sessions(api)) == 21 and await other.is_let_in()


async def test_of_sessions_that_begin_at_once_none_takes_the_place_of_another() -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(store) as other:
        browsers = [Browser(api) for api in (one, other) for _ in range(3)]
        replies = await asyncio.gather(*(browser.logs_in(token_of("alice")) for browser in browsers))
        assert {reply.code for reply in replies} == {201}
        assert all([await browser.is_let_in() for browser in browsers]) and len(await sessions(one)) == 6


class LateStore:
    """Another server's way to the same store, by which news is a while under way."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        async for batch in self._store.watch(prefix, start=start):
            await asyncio.sleep(0.05)
            yield batch


async def test_a_server_that_has_not_heard_of_a_session_yet_waits_for_it() -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(LateStore(store)) as late:
        browser = Browser(one)
        await browser.logs_in(token_of("alice"))
        there = Browser(late, secret=browser.secret, key=browser.key)
        assert all(await asyncio.gather(*(there.is_let_in() for _ in range(5))))


async def test_twenty_sessions_have_one_share() -> None:
    """A token a request and no more; each login costs twenty of them."""
    async with running_api(limits=Limits(rate=1e-9, burst=70)) as api:
        browsers = [Browser(api), Browser(api)]
        for browser in browsers:
            assert (await browser.logs_in(token_of("alice"))).code == 201
        codes = [(await browsers[number % 2].asks("GET", VPSES)).code for number in range(40)]
        assert codes[:20].count(200) == 20 and 429 in codes[20:40]
        assert (await api.get(VPSES, user="alice")).code == 429, "the token draws from the same"
        assert (await api.get(VPSES)).code == 200


@pytest.mark.parametrize("user", ["n1", "controller", "joiner"])
async def test_machines_have_no_sessions(user: str) -> None:
    joiner = User("joiner", Role.JOIN)
    async with running_api(users=(joiner,)) as api:
        assert (await Browser(api).logs_in(token_of(user))).code == 403
        assert await sessions(api) == []


async def test_nobody_logs_in_as_somebody_else_or_by_a_session() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("admin"))
        assert (await browser.asks("POST", "/ui/session", json={})).code in (400, 401, 403)
        reply = await api.call("POST", "/ui/session", headers={"Impersonate-User": "alice"})
        assert reply.code == 403 and "nobody logs in as somebody else" in reply.body["message"]
        assert len(await sessions(api)) == 1
        assert (await api.call("DELETE", "/ui/session")).code == 400, "a bearer token is no session"


async def test_an_administrator_acts_as_somebody_else_from_his_browser_too() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("admin"))
        assert (await browser.asks("GET", TOKENS, headers={"Impersonate-User": "alice"})).code == 403
        assert (await browser.asks("GET", TOKENS)).code == 200


async def test_the_table_says_which_tokens_are_sessions() -> None:
    async with running_api() as api:
        await Browser(api).logs_in(token_of("alice"))
        accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        [row] = (await api.get(TOKENS, headers=accept)).body["rows"]
        assert row["cells"][:3] == [row["cells"][0], "user (session)", "alice"]


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "__Host-kohakuriver=", "__Host-kohakuriver=short", "kohakuriver={secret}", "{whole}; {whole}"],
)
async def test_what_is_not_exactly_one_session_is_none(cookie: str) -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("admin"))
        whole = f"__Host-kohakuriver={browser.secret}"
        shown = {cookies.KEY: browser.key, "Cookie": cookie.format(secret=browser.secret, whole=whole)}
        headers = browser.says | shown
        async with api.session.get(api.url + VPSES, headers=headers) as reply:
            assert reply.status == 401


async def test_a_token_that_is_sent_counts_before_the_cookie_beside_it() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("admin"))
        bearer = {"Authorization": f"Bearer {token_of('alice')}"}
        assert (await browser.asks("GET", TOKENS, headers=bearer)).code == 403
        assert (await browser.asks("GET", TOKENS, headers={"Authorization": "Bearer x"})).code == 401


async def test_strangers_cookies_do_not_keep_the_store_busy() -> None:
    async with running_api() as api:
        before = api.server.cache.revision
        stranger = Browser(api, secret="y" * 43, key="z" * 43)
        async with aiohttp.ClientSession() as session:

            async def knock() -> int:
                async with session.get(api.url + VPSES, headers=stranger.headers) as reply:
                    return reply.status

            assert set(await asyncio.gather(*(knock() for _ in range(50)))) == {401}
        assert api.server.cache.revision == before
