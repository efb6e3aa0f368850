"""Keys that are due at a time finer than the clock is."""

import asyncio
import random

import pytest

from kohakuriver.agent.queue import KeyQueue
from kohakuriver.client.watch import ObjectKey
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime


async def test_a_time_finer_than_the_clock_is_waited_for_and_not_spun_for() -> None:
    clock = LoopClock()
    queue = KeyQueue(clock=clock, chance=random.Random(1))  # noqa: S311 - jitter
    looked = asyncio.Event()

    async def step(key: ObjectKey) -> None:
        looked.set()

    serving = asyncio.create_task(queue.serve(step, name="test"))
    queue.add(ObjectKey("default", "dev"), at=clock.monotonic() + 1e-9)
    async with asyncio.timeout(1):
        await looked.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
