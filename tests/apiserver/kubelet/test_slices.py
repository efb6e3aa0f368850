"""What comes in one read of a client's connection is taken apart a little in each turn of the event loop."""

import asyncio

import pytest

from kohakuriver.apiserver.kubelet.inbox import Inbox
from kohakuriver.apiserver.kubelet.wire import IN_ONE_TURN, Plain, Slices
from kohakuriver.streams.stream import HIGH

pytestmark = pytest.mark.looptime
READ = bytes(range(256)) * 1024


class Connection:
    """What is handed on, and whether it is read."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.is_paused = False
        self.slices = Slices(self.taken.append, self.pause)

    def pause(self, yes: bool) -> None:
        self.is_paused = yes


async def turns(count: int = 1) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_large_read_takes_many_turns_and_nothing_is_read_meanwhile():
    there = Connection()
    there.slices.came(READ)
    assert there.taken == [READ[:IN_ONE_TURN]]
    assert there.is_paused
    await turns()
    assert len(there.taken) == 2
    await turns(len(READ) // IN_ONE_TURN)
    assert b"".join(there.taken) == READ
    assert max(map(len, there.taken)) == IN_ONE_TURN
    assert not there.is_paused


async def test_what_comes_all_the_same_keeps_its_place():
    there = Connection()
    there.slices.came(READ)
    there.slices.came(b"more")
    await turns(40)
    assert b"".join(there.taken) == READ + b"more"


async def test_nothing_is_handed_on_while_nobody_wants_any():
    there = Connection()
    there.slices.came(READ)
    there.slices.want(False)
    await turns(40)
    assert len(there.taken) == 1
    assert there.is_paused
    there.slices.want(True)
    await turns(40)
    assert b"".join(there.taken) == READ
    assert not there.is_paused
    there.slices.want(False)
    assert there.is_paused
    there.slices.came(b"more")
    there.slices.want(True)
    await turns(3)
    assert there.taken[-1] == b"more"
    assert not there.is_paused


async def test_what_came_before_the_end_is_handed_on_before_that_is_told():
    there = Connection()
    told = []
    there.slices.came(READ)
    there.slices.end(lambda: told.append(b"".join(there.taken)))
    assert told == []
    await turns(40)
    assert told == [READ]


@pytest.mark.parametrize("unwanted", [True, False])
async def test_the_end_is_told_at_once_where_nothing_is_left_to_hand_on(unwanted):
    there = Connection()
    told = []
    if unwanted:
        there.slices.want(False)
        there.slices.came(READ)
    there.slices.end(lambda: told.append(True))
    assert told == [True]


async def test_nothing_is_handed_on_that_was_dropped():
    there = Connection()
    told = []
    there.slices.came(READ)
    there.slices.drop()
    there.slices.came(b"more")
    there.slices.end(lambda: told.append(True))
    await turns(40)
    assert len(there.taken) == 1
    assert told == [True]


class Told:
    """A receiver."""

    def __init__(self) -> None:
        self.came: list[bytes] = []

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        self.came.append(data)


async def test_a_connection_hands_on_slices():
    there = Told()
    Plain(there).data_received(READ)
    assert list(map(len, there.came)) == [IN_ONE_TURN]


async def test_many_small_things_fill_an_inbox_too():
    paused = []
    inbox = Inbox(paused.append)
    for _ in range(HIGH // 64):
        inbox.put(b"x", 1)
    assert paused == [True]
