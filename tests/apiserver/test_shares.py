"""One user's long selectors, unread answers and large writes are felt by nobody else."""

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kohakuriver.apiserver.cache import history
from kohakuriver.apiserver.identity.access import Attributes
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.limits.limits import Limiter, Limits
from kohakuriver.apiserver.limits.shares import Pool, Share
from kohakuriver.apiserver.limits.turns import Turns
from kohakuriver.apiserver.objects.selectors import MOST_REQUIREMENTS, Requirement, Selection
from kohakuriver.apiserver.serving import pieces
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.errors import TooManyRequests
from kohakuriver.resources import kinds
from tests import cost
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.background import address
from tests.fakes.store import MemoryStore

pytestmark = [pytest.mark.looptime, pytest.mark.fault(68)]

VPSES = kinds.VPS.path(namespace="default")
LONG = ",".join(f"!k{number}" for number in range(MOST_REQUIREMENTS - 1))
BOB = User("bob", Role.USER, namespaces=("default",))
MERGE = "application/merge-patch+json"
OBJECTS = 200


async def stored(store: MemoryStore, number: int, *, size: int = 10) -> None:
    """VPSes that are there, each of about this size."""
    step = max(1, min(100, 1_000_000 // size))
    for first in range(0, number, step):
        puts = [
            Put(codec.key(kinds.VPS, "default", name), orjson.dumps(a_vps(name, size)))
            for name in (f"v{one}" for one in range(first, min(first + step, number)))
        ]
        await store.commit(expect={}, writes=puts)


def a_vps(name: str, size: int) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": name, "annotations": {"note": "x" * size}}
    return {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": metadata, "spec": {}}


@contextlib.asynccontextmanager
async def unread(api: Api, path: str, user: str) -> AsyncIterator[bytes]:
    """A request whose answer nobody reads, but for its first line."""
    host, port = address(api)
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.setblocking(False)
    await asyncio.get_running_loop().sock_connect(wire, (host, port))
    reader, writer = await asyncio.open_connection(sock=wire, limit=64)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token_of(user)}\r\n\r\n"
        writer.write(request.encode())
        yield await reader.readline()
    finally:
        writer.transport.abort()


async def told(api: Api, user: str, **params: str) -> int:
    """How many events a watch brings until its time is over."""
    url = api.url + VPSES
    async with api.session.get(url, params={"watch": "1", **params}, headers=api.headers(user)) as reply:
        assert reply.status == 200
        return (await reply.read()).count(b"\n")


async def at(store: MemoryStore) -> str:
    return str(await store.revision())


def share_of(api: Api, user: str) -> Share:
    [found] = [share for share in api.server.limiter._shares.values() if share._name == user]
    return found


# Turns of the loop: objects × requirements in each, whoever asks, however often.


async def test_lists_with_long_selectors_never_hold_the_loop() -> None:
    store = MemoryStore()
    await stored(store, OBJECTS)
    async with running_api(store, limits=Limits()) as api:
        with cost.turns(Requirement.matches) as looked_at:
            asked = [api.get(VPSES, params={"labelSelector": LONG}, user="alice") for _ in range(8)]
            replies = await asyncio.gather(*asked)
    assert [len(reply.body["items"]) for reply in replies] == [OBJECTS] * 8
    assert looked_at.total >= 8 * OBJECTS * MOST_REQUIREMENTS
    assert looked_at.most <= weights.COMPARISONS_AT_ONCE


async def test_a_write_is_held_against_a_hundred_long_selectors_a_few_a_turn() -> None:
    store, number = MemoryStore(), 100
    await stored(store, 1)
    async with running_api(store, limits=Limits()) as api:
        query = {"labelSelector": LONG, "timeoutSeconds": "20", "resourceVersion": await at(store)}
        watches = [asyncio.create_task(told(api, "alice", **query)) for _ in range(number)]
        await asyncio.sleep(1)
        with cost.turns(Requirement.matches) as looked_at:
            await stored(store, 1, size=20)
            await asyncio.sleep(5)
        assert looked_at.total >= 2 * number * MOST_REQUIREMENTS
        assert looked_at.most <= weights.COMPARISONS_AT_ONCE
        assert await asyncio.gather(*watches) == [1] * number


async def test_the_past_is_held_against_a_long_selector_a_few_events_a_turn() -> None:
    store = MemoryStore()
    await stored(store, 1)
    async with running_api(store, limits=Limits()) as api:
        since = await at(store)
        for number in range(OBJECTS):
            await stored(store, 1, size=number + 1)
        with cost.turns(Requirement.matches) as looked_at:
            query = {"labelSelector": LONG, "timeoutSeconds": "5", "resourceVersion": since}
            assert await asyncio.gather(*(told(api, "alice", **query) for _ in range(4))) == [OBJECTS] * 4
    assert looked_at.most <= weights.COMPARISONS_AT_ONCE


async def test_long_work_takes_turns_among_pools_then_among_credentials() -> None:
    turns, order = Turns(), list[str]()

    async def work(pool: str, credential: str) -> None:
        for _ in range(2):
            await turns.take(pool, credential)
            order.append(credential)

    who = [("people", "bob")] * 3 + [("people", "alice"), ("admins", "root")]
    await asyncio.gather(*(work(pool, credential) for pool, credential in who))
    assert order[:4] == ["bob", "root", "alice", "root"]
    assert order.count("bob") == 6 and order[-2:] == ["bob", "bob"]


async def test_who_has_gone_takes_no_turn() -> None:
    turns = Turns()
    gone = asyncio.create_task(turns.take("people", "bob"))
    await asyncio.sleep(0)
    gone.cancel()
    await turns.take("people", "alice")
    assert gone.cancelled()


# What requests cost.


async def test_a_list_is_charged_by_objects_and_requirements_and_others_are_not() -> None:
    store = MemoryStore()
    await stored(store, OBJECTS)
    async with running_api(store, limits=Limits(rate=1, burst=25), users=(BOB,)) as api:
        params = {"labelSelector": LONG}
        replies = [await api.get(VPSES, params=params, user="bob") for _ in range(4)]
        assert [reply.code for reply in replies] == [200, 200, 200, 429]
        refused = replies[-1]
        assert "long selectors" in refused.body["message"] and int(refused.headers["Retry-After"]) > 0
        assert (await api.get(VPSES, params=params, user="alice")).code == 200
        assert (await api.get(VPSES, params=params, user="admin")).code == 200
        await asyncio.sleep(20)
        assert (await api.get(VPSES, params=params, user="bob")).code == 200, "whoever waits is served again"


async def test_a_long_list_is_charged_by_its_bytes() -> None:
    store = MemoryStore()
    await stored(store, 40, size=100_000)
    async with running_api(store, limits=Limits(rate=1, burst=20)) as api:
        codes = [(await api.get(VPSES, user="alice")).code for _ in range(3)]
        assert codes == [200, 200, 429]


async def test_a_write_is_charged_by_its_size_and_by_that_of_what_it_changes() -> None:
    store = MemoryStore()
    await stored(store, 1, size=160_000)
    async with running_api(store, limits=Limits(rate=1, burst=4), users=(BOB,)) as api:

        async def codes(user: str, name: str, body: Any) -> list[int]:
            path, headers = f"{VPSES}/{name}", {"Content-Type": MERGE}
            return [(await api.call("PATCH", path, body, user=user, headers=headers)).code for _ in range(3)]

        assert await codes("alice", "v9", {"spec": {"image": "x" * 160_000}}) == [404, 429, 429]
        assert await codes("bob", "v0", {"spec": {"priority": "none"}}) == [422, 429, 429]


async def test_a_write_is_charged_by_its_fields_and_those_that_managers_have() -> None:
    async with running_api(limits=Limits(rate=1, burst=60), users=(BOB,)) as api:
        head = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "dev"}}
        body = {**head, "spec": {"env": {f"V{number}": "x" for number in range(900)}}}
        assert (await api.call("POST", VPSES, body, user="alice")).code == 201
        assert share_of(api, "alice").tokens < 60 - 4
        small = {"spec": {"priority": 1}}
        headers = {"Content-Type": MERGE}
        await api.call("PATCH", f"{VPSES}/dev", small, user="bob", headers=headers)
        assert share_of(api, "bob").tokens < 60 - 8


async def test_a_body_that_is_too_much_is_refused_before_it_is_read() -> None:
    async with running_api(limits=Limits(rate=1, burst=30), users=(BOB,)) as api:
        for user, length, code in (("alice", 600_000, 413), ("admin", 3_000_000, 429)):
            await api.get(f"{VPSES}/dev", user=user)
            if user == "admin":
                share_of(api, user).owe(29)
            host, port = address(api)
            reader, writer = await asyncio.open_connection(host, port)
            request = f"POST {VPSES} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token_of(user)}\r\n"
            writer.write(
                f"{request}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()
            )
            answer = await reader.read()
            assert answer.startswith(f"HTTP/1.1 {code}".encode()), answer
            writer.close()


async def test_a_body_of_unknown_length_is_measured_when_it_is_there() -> None:
    async with running_api(limits=Limits()) as api:

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield b" " * 100_000

        headers = {"Content-Type": "application/json"}
        reply = await api.call("POST", VPSES, user="alice", data=parts(), headers=headers)
        assert reply.code == 413 and "524288 bytes" in reply.body["message"]


async def test_a_watch_of_the_past_is_charged_by_what_it_brings() -> None:
    store = MemoryStore()
    await stored(store, 1)
    async with running_api(store, limits=Limits(rate=1, burst=20)) as api:
        since = await at(store)
        for _ in range(20):
            await stored(store, 1, size=200_000)
        assert await told(api, "alice", timeoutSeconds="1", resourceVersion=since) == 20
        assert share_of(api, "alice").tokens < 10


async def test_all_users_together_leave_requests_under_way_to_the_others() -> None:
    limiter = Limiter(Limits(), now=asyncio.get_running_loop().time)
    get = Attributes("get", kinds.VPS, namespace="default", name="dev")
    with contextlib.ExitStack() as under_way:
        for number in range(400):
            user = dataclasses.replace(BOB, name=f"u{number}")
            under_way.enter_context(limiter.turn(user.name, user, get, lasting=False))
        with (
            pytest.raises(TooManyRequests, match="all users and viewers 400"),
            limiter.turn("one more", BOB, get, lasting=False),
        ):
            pass
        for role in (Role.ADMIN, Role.NODE, Role.CONTROLLER):
            with limiter.turn(role.value, User(role.value, role), get, lasting=False):
                pass


# What waits to be read.


def a_share(pool: Pool) -> Share:
    now = asyncio.get_running_loop().time
    return Share("bob", pool, rate=1.0, burst=10, turns=Turns(), now=now)


async def test_what_one_credential_and_what_all_of_a_pool_hold_is_bounded() -> None:
    pool = Pool("users", inflight=1, memory_of_one=100, memory=150, small=0)
    bob, alice, carol = a_share(pool), a_share(pool), a_share(pool)
    with bob.holding() as one, bob.holding() as two, alice.holding() as hers, carol.holding() as third:
        one.add(90)
        with pytest.raises(TooManyRequests, match="answers to bob wait to be read"):
            two.add(20)
        hers.add(50)
        with pytest.raises(TooManyRequests):
            third.add(20)
        one.clear()
        third.add(20)
    assert (bob.held, pool.held) == (0, 0)


async def test_the_only_answer_may_be_of_any_size() -> None:
    share = a_share(Pool("users", inflight=1, memory_of_one=100, memory=150, small=0))
    with share.holding() as holding:
        holding.add(10**9)
        with pytest.raises(TooManyRequests), share.holding() as other:
            other.add(1)
    assert share.held == 0


@dataclasses.dataclass(frozen=True, eq=False)
class Thing:
    size: int


async def test_what_waits_for_several_watches_counts_once() -> None:
    share, thing = a_share(Pool("users", inflight=1, memory_of_one=100, memory=150, small=0)), Thing(60)
    assert share.keep(thing) and share.keep(thing) and share.held == 60
    assert not share.keep(Thing(60))
    share.let_go(thing)
    assert share.held == 60
    share.let_go(thing)
    assert share.held == 0 and share.keep(Thing(60))


async def test_what_one_credential_holds_alone_leaves_the_others_their_share() -> None:
    pool = Pool("users", inflight=1, memory_of_one=100, memory=150, small=10)
    bob, alice, carol = a_share(pool), a_share(pool), a_share(pool)
    with bob.holding() as large, alice.holding() as hers, carol.holding() as third:
        large.add(10**9)
        hers.add(50)
        third.add(10)
        with pytest.raises(TooManyRequests):
            third.add(1)
    assert (bob.held, alice.held, carol.held, pool.held) == (0, 0, 0, 0)


async def test_what_waits_for_the_watches_of_several_credentials_is_in_memory_once() -> None:
    pool = Pool("nodes", inflight=1, memory_of_one=100, memory=150, small=0)
    one, other, thing = a_share(pool), a_share(pool), Thing(90)
    assert one.keep(thing) and other.keep(thing) and pool.held == 90
    one.let_go(thing)
    assert (one.held, other.held, pool.held) == (0, 90, 90)
    other.let_go(thing)
    assert pool.held == 0


async def test_two_credentials_do_not_take_all_places_of_their_pool() -> None:
    limiter = Limiter(Limits(inflight=200), now=asyncio.get_running_loop().time)
    users = [User(name, Role.USER, namespaces=("default",)) for name in ("bob", "dave", "alice")]
    with contextlib.ExitStack() as stack:
        for user, places in zip(users, (200, 100, 50), strict=True):
            wanted = Attributes("get", kinds.VPS, namespace="default", name="v1")
            for _ in range(places):
                stack.enter_context(limiter.turn(user.name, user, wanted, lasting=False))
            with pytest.raises(TooManyRequests):
                stack.enter_context(limiter.turn(user.name, user, wanted, lasting=False))


async def test_lists_that_nobody_reads_are_refused_beyond_what_is_held_for_one_credential() -> None:
    store = MemoryStore()
    await stored(store, 40, size=1_000_000)
    async with running_api(store, limits=Limits(), users=(BOB,)) as api:
        async with unread(api, VPSES, "bob") as first, unread(api, VPSES, "bob") as second:
            assert b" 200 " in first and b" 429 " in second
            refused = await api.get(VPSES, user="bob")
            assert refused.code == 429 and "limit=500" in refused.body["details"]["hint"]
            assert (await api.get(f"{VPSES}/v1", user="bob")).code == 200, "a small answer has its room"
            assert (await api.get(VPSES, user="alice")).code == 200
            assert share_of(api, "bob").held > 39_000_000
        await asyncio.sleep(1)
        assert share_of(api, "bob").held == 0
        assert (await api.get(VPSES, user="bob")).code == 200


async def test_a_large_object_is_sent_in_pieces_and_counted_meanwhile() -> None:
    store = MemoryStore()
    await stored(store, 1, size=1_400_000)
    async with running_api(store, limits=Limits()) as api:
        async with unread(api, f"{VPSES}/v0", "alice") as head:
            assert b" 200 " in head
            assert share_of(api, "alice").held > 1_400_000
        reply = await api.get(f"{VPSES}/v0", user="alice")
        assert len(reply.body["metadata"]["annotations"]["note"]) == 1_400_000
        assert int(reply.headers["Content-Length"]) > 1_400_000


async def test_a_list_comes_out_the_same_in_pieces_as_in_one() -> None:
    items = [b"a" * 10, b"b" * pieces.PIECE, b"c" * (3 * pieces.PIECE + 7), b"d"]
    whole = b"[" + b",".join(items) + b"]"
    sent = [bytes(piece) for piece in pieces.cut(pieces._parts(b"[", items, b"]"))]
    assert b"".join(sent) == whole
    assert max(map(len, sent)) < 2 * pieces.PIECE


async def test_a_watch_that_reads_nothing_is_ended_and_can_begin_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    await stored(store, 1)
    async with running_api(store, limits=Limits(), users=(BOB,)) as api:
        pool = api.server.limiter._pools[Role.USER]
        monkeypatch.setattr(pool, "memory_of_one", 20_000_000)
        kind = api.server.cache.kinds[kinds.VPS]
        async with unread(api, f"{VPSES}?watch=1&resourceVersion={await at(store)}", "bob"):
            await asyncio.sleep(1)
            [watcher] = kind.watchers
            for number in range(40):
                await stored(store, 1, size=1_000_000 + number)
                await api.server.cache.fresh()
                assert share_of(api, "bob").held < 24_000_000
            assert watcher.ended and watcher.end is not None and watcher.end.code == 410
            assert (await api.get(VPSES, user="alice")).code == 200
        await asyncio.sleep(1)
        assert share_of(api, "bob").held == 0


async def test_what_was_missed_is_held_by_the_history_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that does not come to read its past loses it with everybody else, and is told to list again."""
    monkeypatch.setattr(history, "KEPT_BYTES", 3_000_000)
    store = MemoryStore()
    await stored(store, 1)
    async with running_api(store, limits=Limits()) as api:
        kind = api.server.cache.kinds[kinds.VPS]
        since = await store.revision()
        for number in range(3):
            await stored(store, 1, size=500_000 + number)
        await api.server.cache.fresh()
        watcher = kind.follow(Selection(), since=since)
        assert [event.revision for _, event in await watcher.next(0)] == [since + 1]
        for number in range(10):
            await stored(store, 1, size=600_000 + number)
        await api.server.cache.fresh()
        watcher._queue.clear()
        assert await watcher.next(0) == []
        assert watcher.end is not None and watcher.end.code == 410
        kept = [event for event in kind.history._events if event.entry is not None]
        assert sum(event.size for event in kept) <= 3_600_000, "what is forgotten is in no list either"


async def test_a_user_has_a_hundred_watches_open_and_a_node_as_many_as_before() -> None:
    async with running_api(limits=Limits(watches=3)) as api:
        params = {"watch": "1", "timeoutSeconds": "5"}
        watches = [asyncio.create_task(api.get(VPSES, params=params, user="alice")) for _ in range(3)]
        admins = [asyncio.create_task(api.get(VPSES, params=params)) for _ in range(5)]
        await asyncio.sleep(0.5)
        refused = await api.get(VPSES, params=params, user="alice")
        assert refused.code == 429 and "has 3 watches open" in refused.body["message"]
        stream = kinds.VPS.path(namespace="default", name="dev", subresource="exec")
        assert (await api.get(stream, user="alice")).code != 429, "streams are no watches"
        assert [(await watch).code for watch in (*watches, *admins)] == [200] * 8
        assert (await api.get(VPSES, params={**params, "timeoutSeconds": "1"}, user="alice")).code == 200
