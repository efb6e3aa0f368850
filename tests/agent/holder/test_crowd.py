"""Sessions that nobody is at are kept for long, and still a VPS has no more of them than it may."""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver import errors
from kohakuriver.agent.holder import crowd
from kohakuriver.agent.holder.crowd import MOST
from kohakuriver.agent.holder.sessions import Ready, Sessions, Wanted
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.runtime.execs import Exec, Execs, Home
from kohakuriver.streams.stream import Framed
from tests.agent.holder.memory import Wire

pytestmark = pytest.mark.looptime


class MemoryExecs(Execs):
    """Commands that run until they are ended, in containers that are there."""

    def __init__(self) -> None:
        super().__init__(EngineSocket("/nowhere"))
        self.refuses = False

    async def home(self, container: str) -> Home:
        return Home(is_running=True, is_paused=False, pid=0, has_terminal=False, env=frozenset())

    async def make(
        self, container: str, command: Sequence[str], *, env: Mapping[str, str], terminal: bool, stdin: bool
    ) -> str:
        await asyncio.sleep(0.01)  # others have their turn
        if self.refuses:
            raise EngineRefused("it is paused")
        return "e1"

    async def start(self, exec_id: str, protocol: Any, *, terminal: bool, size: object = None) -> None:
        protocol.connection_made(Wire())

    async def look(self, exec_id: str) -> Exec:
        return Exec(is_running=False, code=0, pid=0)


class Heard:
    """What a connection was told."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def control_came(self, message: dict[str, Any]) -> None:
        self.facts = message.get("attached", self.facts)

    def bytes_came(self, data: bytes, *, ends: bool) -> None: ...
    def writable(self, yes: bool) -> None: ...
    def ended(self, error: Exception | None) -> None: ...


class Node:
    """A holder's sessions, and those who come to them."""

    def __init__(self) -> None:
        self.execs = MemoryExecs()
        self._tasks: set[asyncio.Task[None]] = set()
        self.sessions = Sessions(self.execs, spawn=lambda work: self._tasks.add(asyncio.create_task(work)))

    async def come(self, session: str, *, user: str = "ann", uid: str = "u1") -> tuple[Ready, dict[str, Any]]:
        ready = await self.sessions.attach(Wanted(uid, "c1", session, user))
        wire, heard = Wire(), Heard()
        ready.join(wire)
        Framed(heard, masks=True).data_received(wire.written)
        return ready, heard.facts

    async def leave(self, session: str, **how: str) -> dict[str, Any]:
        ready, facts = await self.come(session, **how)
        ready.attachment.ended(None)
        return facts

    def ids(self, uid: str = "u1") -> list[str]:
        return [one["session"] for one in self.sessions.standing(uid)]


async def test_the_sessions_that_were_left_longest_ago_make_way_and_that_is_told():
    node = Node()
    await node.come("here")
    for number in range(MOST - 1):
        assert "madeWay" not in await node.leave(f"s{number}")
    _, back = await node.come("s0")
    assert not back["created"] and "madeWay" not in back, "who comes back needs no room"
    facts = await node.leave("new")
    assert facts["madeWay"] == ["s1"]
    assert len(node.ids()) == MOST
    assert {"here", "s0", "new"} <= set(node.ids()), "who is there, or came back, stays"
    assert "madeWay" not in await node.leave("other", uid="u2"), "each VPS has its own"


async def test_sessions_that_somebody_is_at_make_way_for_nobody():
    node = Node()
    for number in range(MOST):
        await node.come(f"s{number}")
    with pytest.raises(errors.TooManyRequests, match="somebody is at each of the 64 sessions"):
        await node.come("new")
    assert len(node.ids()) == MOST


async def test_many_that_come_at_once_are_no_more_than_there_may_be():
    node = Node()
    for number in range(MOST // 2):
        await node.come(f"here{number}")
    came = await asyncio.gather(*(node.come(f"s{n}") for n in range(MOST)), return_exceptions=True)
    assert sum(isinstance(one, errors.TooManyRequests) for one in came) == MOST // 2
    assert len(node.ids()) == MOST


async def test_what_cannot_be_started_costs_no_other_session():
    node = Node()
    for number in range(MOST):
        await node.leave(f"s{number}")
    node.execs.refuses = True
    with pytest.raises(EngineRefused):
        await node.come("new")
    node.execs.refuses = False
    assert node.ids() == [f"s{number}" for number in range(MOST)]
    assert (await node.leave("new"))["madeWay"] == ["s0"]


async def test_who_opens_a_new_one_is_told_of_the_one_they_left():
    node = Node()
    assert "left" not in await node.leave("first")
    await asyncio.sleep(3 * 3600)
    assert "left" not in await node.leave("bobs", user="bob"), "what others left is not theirs"
    _, facts = await node.come("second")
    assert facts["left"] == {"session": "first", "detached": 10800.0, "others": 0}
    _, facts = await node.come("third")
    assert facts["left"]["session"] == "first", "one that they have open elsewhere was not left"
    await node.leave("third")
    _, facts = await node.come("fourth")
    assert facts["left"] == {"session": "third", "detached": 0.0, "others": 1}
    _, facts = await node.come("first")
    assert "left" not in facts, "who comes back is told nothing"


@dataclasses.dataclass(frozen=True)
class One:
    """A session."""

    id: str
    user: str
    left_at: float | None
    is_over: bool


SESSIONS = st.lists(
    st.builds(
        One,
        st.text("ab", max_size=3),
        st.just("ann"),
        st.none() | st.floats(0, 100, allow_nan=False),
        st.booleans(),
    ),
    max_size=MOST * 2,
)


@given(SESSIONS)
def test_nobody_who_is_there_makes_way_and_no_later_one_before_an_earlier(sessions: list[One]):
    ending = crowd.makes_way(sessions)
    kept = [
        (not one.is_over, one.left_at) for one in sessions if one not in ending and one.left_at is not None
    ]
    ended = [(not one.is_over, one.left_at or 0.0) for one in ending]
    assert all(one.left_at is not None for one in ending)
    assert not kept or not ended or min(kept) >= max(ended), "what runs outlasts what is over"
    if crowd.has_room(sessions, being_made=0):
        assert len(sessions) - len(ending) < MOST, "there is room for one more"


def test_what_is_over_makes_way_before_what_runs_though_it_was_left_later():
    runs = [One(f"s{number}", "ann", float(number), False) for number in range(MOST - 1)]
    assert crowd.makes_way([*runs, One("over", "ann", 100.0, True)]) == [One("over", "ann", 100.0, True)]
