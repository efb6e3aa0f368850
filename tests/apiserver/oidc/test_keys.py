"""When an issuer is asked for its keys, and what happens while it does not answer."""

import asyncio

import pytest
from joserfc.jwk import ECKey

from kohakuriver.apiserver.oidc import keys as keys_
from kohakuriver.apiserver.oidc.keys import KeyRing
from kohakuriver.apiserver.oidc.provider import Away
from kohakuriver.apiserver.oidc.verification import Key
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime

FIRST, SECOND = (Key(name, ("ES256",), ECKey.generate_key("P-256")) for name in ("first", "second"))


class Scripted:
    """A provider that has what it is given."""

    def __init__(self) -> None:
        self.has: tuple[Key, ...] | Exception = (FIRST,)
        self.asked: list[float] = []
        self.takes = 0.1

    async def keys(self) -> tuple[Key, ...]:
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes)
        if isinstance(self.has, Exception):
            raise self.has
        return self.has


def a_ring() -> tuple[KeyRing, Scripted]:
    provider = Scripted()
    return KeyRing("https://issuer", provider, now=LoopClock().monotonic), provider


async def wait_for(ring: KeyRing, key: Key) -> bool:
    await ring.wait_for(lambda: key in ring.keys)
    return key in ring.keys


async def test_keys_are_asked_for_when_they_are_first_needed_and_once_for_all_who_wait() -> None:
    ring, provider = a_ring()
    assert provider.asked == []
    assert all(await asyncio.gather(*(wait_for(ring, FIRST) for _ in range(50))))
    assert await wait_for(ring, FIRST)
    assert len(provider.asked) == 1


async def test_a_key_that_is_not_known_is_asked_for_at_most_every_thirty_seconds() -> None:
    ring, provider = a_ring()
    assert await wait_for(ring, FIRST)
    provider.has = (SECOND,)
    for _ in range(100):
        assert not await wait_for(ring, SECOND)
    assert len(provider.asked) == 1
    await asyncio.sleep(keys_.BETWEEN)
    assert await wait_for(ring, SECOND)
    assert ring.keys == (SECOND,)
    assert len(provider.asked) == 2


async def test_while_the_issuer_is_away_known_keys_stay_and_questions_become_rarer() -> None:
    ring, provider = a_ring()
    assert await wait_for(ring, FIRST)
    provider.has = Away("it is away")
    begin = asyncio.get_running_loop().time() + keys_.BETWEEN
    while asyncio.get_running_loop().time() < begin + 120:
        assert not await wait_for(ring, SECOND)
        await asyncio.sleep(0.2)
    assert ring.keys == (FIRST,)
    assert ring.trouble == "it is away"
    apart = [b - a for a, b in zip(provider.asked[1:], provider.asked[2:], strict=False)]
    assert apart[:3] == [pytest.approx(pause + 0.1, abs=0.3) for pause in (1, 2, 4)]
    assert max(apart) < 31
    assert len(provider.asked) < 12
    provider.has = (SECOND,)
    await asyncio.sleep(keys_.BETWEEN)
    assert await wait_for(ring, SECOND)
    assert ring.trouble == ""


async def test_old_keys_are_asked_for_again_while_requests_go_on() -> None:
    ring, provider = a_ring()
    assert await wait_for(ring, FIRST)
    await asyncio.sleep(keys_.OLD)
    provider.has, before = (SECOND,), asyncio.get_running_loop().time()
    assert await wait_for(ring, FIRST)
    assert asyncio.get_running_loop().time() == before
    await asyncio.sleep(1)
    assert ring.keys == (SECOND,)


async def test_nobody_waits_for_long_and_who_goes_away_stops_nothing() -> None:
    ring, provider = a_ring()
    provider.takes = 1000.0
    begin = asyncio.get_running_loop().time()
    assert not await wait_for(ring, FIRST)
    assert asyncio.get_running_loop().time() - begin == pytest.approx(6)
    waiting = asyncio.create_task(wait_for(ring, FIRST))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(1000)
    assert ring.keys == (FIRST,)
    assert len(provider.asked) == 1


async def test_an_error_that_nobody_expected_is_one_more_failure() -> None:
    ring, provider = a_ring()
    provider.has = RuntimeError("no")
    assert not await wait_for(ring, FIRST)
    assert ring.trouble == "RuntimeError"
    provider.has = (FIRST,)
    await asyncio.sleep(2)
    assert await wait_for(ring, FIRST)


async def test_a_question_that_is_under_way_ends_with_the_server() -> None:
    ring, provider = a_ring()
    provider.takes = 1000.0
    waiting = asyncio.create_task(wait_for(ring, FIRST))
    await asyncio.sleep(0.1)
    await ring.close()
    waiting.cancel()
    assert await asyncio.gather(waiting, return_exceptions=True)
    assert ring.keys == ()
