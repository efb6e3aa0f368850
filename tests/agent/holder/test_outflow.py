"""The ring and what is sent of it, over random writes, acknowledgements and returns."""

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.agent.holder.outflow import Outflow
from kohakuriver.agent.holder.ring import Ring

KEPT, AHEAD = 5000, 6000
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 9000)),
        st.tuples(st.just("show"), st.integers(1, 9000)),
        st.tuples(st.just("leave"), st.just(0)),
        st.tuples(st.just("return"), st.just(0)),
    ),
    max_size=40,
)


def text(start: int, length: int) -> bytes:
    """The bytes that a program writes from that offset on; each tells its place. No terminal answers them."""
    return bytes(6 + (place * 7 + place // 251) % 250 for place in range(start, start + length))


@given(st.lists(st.tuples(st.integers(1, 9000), st.booleans()), max_size=20), st.integers(0, 9000))
def test_a_ring_reads_back_what_was_written_at_every_offset_it_keeps(writes, keep):
    ring = Ring()
    for length, drops in writes:
        ring.append(text(ring.end, length))
        if drops:
            ring.drop_before(ring.end - keep)
            assert ring.end - ring.start >= min(keep, ring.end), "dropped what was to be kept"
    for offset in range(ring.start, ring.end, max((ring.end - ring.start) // 9, 1)):
        found = ring.read(offset, 4000)
        assert found == text(offset, min(4000, ring.end - offset))
    assert ring.read(ring.end, 10) == b""


@given(STEPS)
def test_output_is_shown_exactly_once_but_for_what_is_said_to_be_missed(steps):
    outflow, written, shown, acknowledged, attached = Outflow(kept=KEPT, ahead=AHEAD), 0, 0, 0, False
    in_flight: list[bytes] = []
    for verb, amount in steps:
        if verb == "write" and not outflow.is_full:
            outflow.came(text(written, amount))
            written += amount
        elif verb == "return" and not attached:
            resumed = outflow.attach(shown, comes_back=True)
            assert resumed.output == shown + resumed.missed
            assert resumed.missed == 0 or written - shown > KEPT, "something was dropped too early"
            shown = acknowledged = resumed.output
            attached = True
        elif verb == "leave" and attached:
            outflow.detach()
            attached, in_flight = False, []  # what was under way is lost with the connection
        while data := outflow.take():
            in_flight.append(data)
        assert sum(map(len, in_flight)) + shown - acknowledged <= AHEAD, "too much is unacknowledged"
        if verb == "show" and attached:
            while in_flight and amount > 0:
                data = in_flight.pop(0)
                assert data == text(shown, len(data)), "bytes were lost, doubled or mixed"
                shown += len(data)
                amount -= len(data)
            acknowledged = shown
            outflow.acknowledge(shown)
    assert outflow.total == written


def test_who_sees_the_session_for_the_first_time_gets_what_is_kept_and_is_told_of_no_loss():
    outflow = Outflow(kept=KEPT)
    outflow.came(b"x" * 20_000)
    resumed = outflow.attach(None, comes_back=False)
    assert resumed.missed == 0
    assert outflow.total - resumed.output >= KEPT


def test_nothing_unacknowledged_is_dropped_while_somebody_is_attached():
    outflow = Outflow(kept=KEPT, ahead=10**6)
    outflow.attach(0, comes_back=True)
    for _ in range(50):
        outflow.came(b"x" * 1000)
    outflow.detach()
    outflow.attach(None, comes_back=False)
    assert outflow.total == 50_000
    again = Outflow(kept=KEPT, ahead=10**6)
    again.attach(0, comes_back=True)
    for _ in range(50):
        again.came(b"x" * 1000)
    assert again.attach(0, comes_back=True).missed == 0
