"""Places that namespaces share."""

import asyncio

import hypothesis
import pytest
from hypothesis import strategies as st

from kohakuriver.agent.shares import Shares

pytestmark = pytest.mark.looptime


def test_alone_a_namespace_gets_half_and_there_is_a_place_for_whoever_comes_next() -> None:
    shares = Shares(32)
    assert sum(shares.take("a") for _ in range(100)) == 16
    assert sum(shares.take("b") for _ in range(100)) == 8
    assert sum(shares.take("c") for _ in range(100)) == 4
    assert all(shares.take(name) for name in ("d", "e"))
    assert shares.held("a") == 16 and shares.taken == 30


@hypothesis.given(
    most=st.integers(1, 40),
    steps=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=200),
)
def test_whatever_is_taken_and_given_back_who_has_none_finds_one_while_half_are_free(
    most: int, steps: list[tuple[str, bool]]
) -> None:
    shares = Shares(most)
    for name, takes in steps:
        if takes:
            free, held = most - shares.taken, shares.held(name)
            assert shares.take(name) == (held < free)
        elif shares.held(name):
            shares.give_back(name)
        assert shares.taken == sum(shares.held(name) for name in "abcdef") <= most


async def test_who_waits_gets_the_place_that_comes_free_in_turn_and_keeps_no_other_namespace_waiting() -> (
    None
):
    shares = Shares(4)
    got: list[str] = []

    async def use(name: str, over: asyncio.Event) -> None:
        async with shares.place(name[0]):
            got.append(name)
            await over.wait()

    ends = [asyncio.Event() for _ in range(5)]
    names = ["a1", "a2", "a3", "a4", "b1"]
    tasks = [asyncio.create_task(use(name, end)) for name, end in zip(names, ends, strict=True)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert got == ["a1", "a2", "b1"], "one namespace held them all"
    ends[0].set()
    await asyncio.sleep(1)
    assert got == ["a1", "a2", "b1", "a3"]
    tasks[3].cancel()
    await asyncio.sleep(1)
    for end in ends:
        end.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert shares.taken == 0


async def test_a_place_that_was_given_to_somebody_who_is_cancelled_at_that_moment_is_not_lost() -> None:
    shares = Shares(1)
    await shares.wait("a")
    waiting = asyncio.create_task(shares.wait("b"))
    await asyncio.sleep(1)
    shares.give_back("a")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert shares.taken == 0 and shares.take("c")
