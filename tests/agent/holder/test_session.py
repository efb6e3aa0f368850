"""A session in memory: exactly once both ways over cuts anywhere, takeovers, windows, ends."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohakuriver import errors
from kohakuriver.agent.holder.outflow import AHEAD
from kohakuriver.agent.holder.session import Ending, Size
from tests.agent.holder.memory import Client, a_session

pytestmark = pytest.mark.looptime

NO_QUERY = bytes.maketrans(b"\x05\x1b\xc2", b"...")  # what a terminal answers begins with one of these
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"),
            st.binary(min_size=1, max_size=300).map(lambda one: one.translate(NO_QUERY)),
            st.just(0),
        ),
        st.tuples(st.just("type"), st.binary(min_size=1, max_size=300), st.just(0)),
        st.tuples(st.just("move"), st.integers(0, 400), st.integers(0, 400)),
        st.tuples(st.just("cut"), st.just(0), st.just(0)),
        st.tuples(st.just("replace"), st.just(0), st.just(0)),
        st.tuples(st.just("wait"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(STEPS)
def test_every_byte_arrives_exactly_once_both_ways_whatever_is_cut(steps):
    async def story() -> None:
        session, program, _ = a_session()
        client = Client(session)
        client.come()
        written = typed = b""
        for verb, first, second in steps:
            match verb:
                case "write":
                    written += first
                    session.output(first)
                case "type":
                    typed += first
                    client.type(first)
                case "move":
                    client.move(first, second)
                case "cut":
                    client.cut()
                    client.come()
                case "replace":  # the old connection still hangs somewhere when the new one is made
                    client.come()
                case "wait":
                    await asyncio.sleep(0)
        client.move_all()
        client.cut()
        client.come()
        client.move_all()
        assert client.shown == written, "output was lost, doubled or mixed"
        assert program.fed == typed, "input was lost, doubled or mixed"
        client.cut()

    asyncio.run(story())


async def test_what_comes_from_a_connection_that_was_taken_over_is_dropped():
    session, program, _ = a_session()
    first, second = Client(session), Client(session)
    first.come()
    first.move_all()
    second.come()
    first.type(b"from the past")
    first.move_all()
    assert program.fed == b""
    assert first.told[-1]["end"]["reason"] == "TakenOver"
    second.move_all()
    second.type(b"now")
    second.move_all()
    assert program.fed == b"now"


async def test_a_ping_is_answered_unless_output_waits_to_be_sent():
    session, _, _ = a_session()
    client = Client(session)
    client.come()
    client.move_all()
    assert client.told[-1]["attached"]["pings"] is True
    client.control({"ping": 7})
    client.control({"ping": "x" * 100})
    client.move_all()
    assert client.told[-1] == {"pong": 7}
    assert session.attachment is not None
    session.attachment.has_room = False
    client.control({"ping": 8})
    client.move_all()
    assert client.told[-1] == {"pong": 7}, "answers pile up for a client that reads nothing"


async def test_who_was_taken_over_and_counts_on_does_not_take_it_back():
    session, _, _ = a_session()
    first, second = Client(session), Client(session)
    first.come()
    first.move_all()
    second.come()
    for _ in range(1000):
        with pytest.raises(errors.Conflict):
            first.come()


async def test_a_program_waits_for_who_is_attached_and_for_nobody_else():
    session, program, _ = a_session()
    client = Client(session)
    client.come()
    client.move_all()
    for _ in range(AHEAD // 1000 + 1):
        session.output(b"x" * 1000)
    assert program.is_paused, "a client that shows nothing does not stop the program"
    client.cut()
    assert not program.is_paused, "a session that nobody looks at blocks its program"
    session.output(b"x" * AHEAD * 2)
    client.come()
    client.move_all()
    assert client.missed > 0
    assert len(client.shown) + client.missed == (AHEAD // 1000 + 1) * 1000 + AHEAD * 2


async def test_a_shell_that_nobody_comes_back_to_is_hung_up_after_its_window():
    session, program, gone = a_session(window=60)
    client = Client(session)
    await asyncio.sleep(59)
    client.come()
    client.move_all()
    for _ in range(60):
        await asyncio.sleep(15)
        client.move_all()  # pings
    assert not program.was_hung_up, "a shell was hung up under somebody's hands"
    client.cut()
    await asyncio.sleep(59)
    assert not program.was_hung_up
    await asyncio.sleep(2)
    assert program.was_hung_up
    assert gone == [session]


async def test_a_shell_that_somebody_ended_and_left_is_gone_once_it_has_ended():
    session, program, gone = a_session()
    client = Client(session)
    client.come()
    client.move_all()
    client.control({"hangup": True})
    client.move_all()
    client.cut()
    assert program.was_hung_up and gone == []
    session.ended(Ending(129))
    assert gone == [session]


async def test_a_window_that_changes_counts_from_when_the_shell_was_left():
    session, program, _ = a_session(window=600)
    client = Client(session)
    client.come()
    client.cut()
    await asyncio.sleep(30)
    session.set_window(40)
    await asyncio.sleep(5)
    assert not program.was_hung_up
    await asyncio.sleep(6)
    assert program.was_hung_up


async def test_an_exit_code_waits_for_who_was_away_when_it_came():
    session, _, gone = a_session()
    client = Client(session)
    client.come()
    client.move_all()
    client.cut()
    session.output(b"last words")
    session.ended(Ending(7))
    client.come()
    client.move_all()
    assert client.shown == b"last words"
    assert client.told[-1] == {"exit": {"code": 7}}
    assert gone == [session]


async def test_input_counts_as_taken_only_when_the_program_has_it():
    session, program, _ = a_session()
    client = Client(session)
    client.come()
    program.is_stuck = True
    client.type(b"x" * 1000)
    client.move_all()
    await asyncio.sleep(1)
    client.move_all()
    assert not [told for told in client.told if "input" in told]
    program.is_stuck = False
    program.feed(b"")
    await asyncio.sleep(1)
    client.move_all()
    assert client.told[-1] == {"input": 1000}
    client.cut()


async def test_a_newcomer_makes_full_screen_programs_draw_again_and_a_size_is_set_once():
    session, program, _ = a_session()
    client, newcomer = Client(session), Client(session)
    client.come(size=Size(24, 80))
    client.move_all()
    client.control({"resize": {"rows": 24, "cols": 80}})
    client.control({"resize": {"rows": 0, "cols": 80}})
    client.control({"resize": {"rows": 50, "cols": 100}})
    client.move_all()
    assert program.sizes == [(Size(24, 80), False), (Size(50, 100), False)]
    newcomer.come(size=Size(50, 100), newcomer=True)
    assert program.sizes[-1] == (Size(50, 100), True)
