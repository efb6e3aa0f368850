"""What one credential may not do many of at once: large writes, refusals, bodies that nobody wants."""

import asyncio
import contextlib
from typing import Any

import pytest

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.limits import lanes, shares
from kohakuriver.apiserver.limits.lanes import Lane, Passage
from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.apiserver.limits.shares import Pool, Share
from kohakuriver.apiserver.limits.turns import Turns
from kohakuriver.apiserver.store.base import Delete, Put, StoreConflict
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.background import address
from tests.fakes.store import MemoryStore

pytestmark = [pytest.mark.looptime, pytest.mark.fault(68)]

VPSES = kinds.VPS.path(namespace="default")
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
BOB = User("bob", Role.USER, namespaces=("default",))


def seconds() -> float:
    return asyncio.get_running_loop().time()


class Watched(MemoryStore):
    """Counts how often somebody came too late."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicts = 0

    async def commit(self, *, expect: Any, writes: list[Put | Delete]) -> int:
        try:
            return await super().commit(expect=expect, writes=writes)
        except StoreConflict:
            self.conflicts += 1
            raise


def env(number: int, size: int = 150_000) -> list[dict[str, Any]]:
    value = {"N": str(number)} | {f"V{at}": "x" * 50_000 for at in range(0, size, 50_000)}
    return [{"op": "add", "path": "/spec/env", "value": value}]


async def patched(api: Api, number: int, user: str = "alice") -> int:
    return (await api.call("PATCH", f"{VPSES}/dev", env(number), user=user, headers=JSON_PATCH)).code


# Large writes.


async def test_large_writes_of_one_credential_to_one_object_never_conflict() -> None:
    store = Watched()
    async with running_api(store, limits=Limits()) as api:
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        assert await asyncio.gather(*(patched(api, number) for number in range(8))) == [200] * 8
    assert store.conflicts == 0


async def test_a_small_change_of_a_large_object_is_one_too() -> None:
    store = Watched()
    async with running_api(store, limits=Limits()) as api:
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        assert await patched(api, 0) == 200

        async def small(number: int) -> int:
            body = [{"op": "add", "path": "/spec/priority", "value": number}]
            return (await api.call("PATCH", f"{VPSES}/dev", body, user="alice", headers=JSON_PATCH)).code

        assert await asyncio.gather(*(small(number) for number in range(1, 9))) == [200] * 8
    assert store.conflicts == 0


async def test_so_many_large_writes_wait_and_the_next_is_refused_before_it_is_read() -> None:
    async with running_api(limits=Limits(), users=(BOB,)) as api:
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        api.store.freeze()  # type: ignore[attr-defined]
        waiting = [asyncio.create_task(patched(api, number)) for number in range(lanes.WAITING + 1)]
        await asyncio.sleep(0.5)
        host, port = address(api)
        reader, writer = await asyncio.open_connection(host, port)
        request = f"POST {VPSES} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token_of('alice')}\r\n"
        writer.write(f"{request}Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 429")
        writer.close()
        api.store.thaw()  # type: ignore[attr-defined]
        assert await asyncio.gather(*waiting) == [200] * len(waiting)
        assert await patched(api, 99) == 200, "whoever is done makes room"


async def test_after_each_there_is_a_rest_as_long_as_it_was_and_none_for_who_comes_later() -> None:
    lane = Lane("bob", now=seconds)

    async def write(lasts: float) -> float:
        with Passage(lane).open() as passage:
            await passage.enter()
            began = seconds()
            await passage.enter()
            await asyncio.sleep(lasts)
            return began

    start = seconds()
    at = await asyncio.gather(write(0.1), write(10.0), write(0.0))
    assert [round(one - start, 3) for one in at] == [0.0, 0.2, round(10.2 + lanes.LONGEST_REST, 3)]
    await asyncio.sleep(5)
    now = seconds()
    assert await write(0.0) == now


async def test_who_has_gone_while_it_waited_leaves_no_gap() -> None:
    lane = Lane("bob", now=seconds)
    since = await lane.take()
    gone = asyncio.create_task(lane.take())
    await asyncio.sleep(0)
    gone.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    resting = asyncio.create_task(lane.take())
    await asyncio.sleep(1)
    lane.give_back(since)
    await asyncio.sleep(0.1)
    resting.cancel()  # in its rest, with the lane already its own
    with contextlib.suppress(asyncio.CancelledError):
        await resting
    assert await lane.take() >= since + 1


async def test_nodes_and_admins_have_no_lane() -> None:
    async with running_api(limits=Limits()) as api:
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        api.store.freeze()  # type: ignore[attr-defined]
        number = lanes.WAITING + 10
        waiting = [asyncio.create_task(patched(api, one, "admin")) for one in range(number)]
        await asyncio.sleep(0.5)
        api.store.thaw()  # type: ignore[attr-defined]
        assert 429 not in await asyncio.gather(*waiting)


# Refusals.


async def test_who_does_not_wait_is_refused_once_a_second_and_nobody_else_is() -> None:
    async with running_api(limits=Limits(rate=0.001, burst=2), users=(BOB,)) as api:
        path, start = f"{VPSES}/dev", seconds()
        codes = [(await api.get(path, user="alice")).code for _ in range(3)]
        assert codes == [404, 404, 429] and seconds() - start < 0.5, "the first is told at once"
        for late in (1, 2, 3):
            assert (await api.get(path, user="alice")).code == 429
            assert seconds() - start >= late * shares.LATE
        before = seconds()
        assert (await api.get(path, user="bob")).code == 404
        assert seconds() - before < 0.5


async def test_who_waits_as_long_as_it_was_told_hears_at_once() -> None:
    mine = a_share()
    for _ in range(3):
        before = seconds()
        assert await mine.refuse(5.0)
        assert seconds() == before
        await asyncio.sleep(5.0)


async def test_so_many_refusals_are_kept_back_and_the_rest_closes_its_connection() -> None:
    async with running_api(limits=Limits(rate=0.001, burst=1)) as api:
        path = f"{VPSES}/dev"
        replies = await asyncio.gather(*(api.get(path, user="alice") for _ in range(shares.MOST_LATE + 20)))
        refused = [reply for reply in replies if reply.code == 429]
        closed = [reply for reply in refused if reply.headers.get("Connection") == "close"]
        assert len(refused) == shares.MOST_LATE + 19 and len(closed) == 18


# Bodies that nobody wants.


def a_share() -> Share:
    pool = Pool("users", inflight=1, memory_of_one=100, memory=150, small=0)
    return Share("bob", pool, rate=1.0, burst=10, turns=Turns(), now=seconds)


async def test_what_nobody_wants_comes_at_four_mebibytes_a_second_from_all_connections_together() -> None:
    share, start = a_share(), seconds()
    passed = await asyncio.gather(*(share.let_pass(shares.UNWANTED // 4) for _ in range(9)))
    assert passed == [True] * 9
    assert seconds() - start == pytest.approx(2.0)
    share = a_share()
    many = await asyncio.gather(*(share.let_pass(shares.UNWANTED) for _ in range(30)))
    assert many.count(False) >= 15, "who would wait for too long is cut off"


async def test_who_sends_all_before_it_reads_still_learns_why_it_was_refused() -> None:
    async with running_api(limits=Limits()) as api:
        host, port = address(api)
        reader, writer = await asyncio.open_connection(host, port)
        length = 2_900_000
        request = f"POST {VPSES} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token_of('alice')}\r\n"
        writer.write(f"{request}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode())
        for _ in range(29):
            writer.write(b"x" * 100_000)
            await writer.drain()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 413") and b"524288 bytes" in answer
        writer.close()


async def test_of_a_stranger_only_a_little_is_taken() -> None:
    async with running_api(limits=Limits()) as api:
        host, port = address(api)
        reader, writer = await asyncio.open_connection(host, port)
        request = f"POST {VPSES} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer guess\r\n"
        writer.write(f"{request}Content-Type: application/json\r\nContent-Length: 90000000\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        with pytest.raises(ConnectionError):
            for _ in range(900):
                writer.write(b"x" * 100_000)
                await writer.drain()
        writer.close()
