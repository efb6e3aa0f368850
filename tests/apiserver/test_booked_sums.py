"""What a namespace has booked is the sum over all nodes' records, whatever came in which order."""

import itertools
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.quota.booked import NOTHING, Amounts, Booked
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds

NAMESPACES = ("a", "b")
NODES = ("n1", "n2", "n3")
CORES = {"500m": 500, "2": 2000, "0.1": 100}
SIZES = {"512Mi": 512 << 20, "1Gi": 1 << 30, "10G": 10**10}

NONSENSE = st.sampled_from([None, -3, "x", "4X", [], {}, True, "9" * 60, 1e400, "NaN"])


def a_key(node: str) -> str:
    return codec.key(kinds.NODE_ALLOCATION, None, node)


def a_record(node: str, bookings: Any) -> Record:
    return Record(a_key(node), orjson.dumps({"metadata": {"name": node}, "bookings": bookings}), 1, 1)


@st.composite
def bookings(draw: st.DrawFn) -> tuple[dict[str, Any], Amounts]:
    """A booking of one namespace, and what it holds."""
    cores, memory, disk = (draw(st.none() | st.sampled_from(list(of))) for of in (CORES, SIZES, SIZES))
    gpus = draw(st.integers(0, 3))
    written = {
        "namespace": draw(st.sampled_from(NAMESPACES)),
        "cores": cores,
        "memory": memory,
        "disk": disk,
        "gpus": [f"GPU-{number}" for number in range(gpus)] or None,
        "tombstone": draw(st.none() | st.just({"since": "", "why": "deleted"})),
    }
    held = Amounts(
        CORES[cores] if cores else 0, SIZES[memory] if memory else 0, gpus, SIZES[disk] if disk else 0
    )
    return {field: value for field, value in written.items() if value is not None}, held


CHANGES = st.lists(st.tuples(st.sampled_from(NODES), st.none() | st.lists(bookings(), max_size=4)))


@given(CHANGES)
def test_the_sums_are_those_of_the_records_that_stand(changes: list[Any]) -> None:
    booked, standing = Booked(), dict[str, list[Any]]()
    for node, held in changes:
        if held is None:
            standing.pop(node, None)
            booked.apply(a_key(node), None)
        else:
            standing[node] = held
            written = {str(number): booking for number, (booking, _) in enumerate(held)}
            booked.apply(a_key(node), a_record(node, written))
        for namespace in NAMESPACES:
            parts = {
                name: [amounts for booking, amounts in all_ if booking["namespace"] == namespace]
                for name, all_ in standing.items()
            }
            assert booked.of(namespace) == sum(itertools.chain(*parts.values()), NOTHING)
            assert all(
                booked.on(a_key(name), namespace) == sum(parts.get(name, []), NOTHING) for name in NODES
            )


@given(NONSENSE, st.sampled_from(["cores", "memory", "disk", "gpus"]))
def test_nonsense_in_one_booking_leaves_what_the_others_hold(value: Any, field: str) -> None:
    good = {"namespace": "a", "cores": "2", "memory": "1Gi", "gpus": ["GPU-0"], "disk": "1Gi"}
    booked = Booked()
    booked.apply(
        a_key("n1"), a_record("n1", {"u1": good, "u2": {"namespace": "a", field: value}, "u3": value})
    )
    assert booked.of("a") == Amounts(2000, 1 << 30, 1, 1 << 30)
    assert booked.of("b") == NOTHING


def test_a_record_that_is_not_an_object_holds_nothing() -> None:
    booked = Booked()
    for value in (b"", b"[]", b"null", b'{"bookings": 5}', b'{"bookings": {"u": []}}'):
        booked.apply(a_key("n1"), Record(a_key("n1"), value, 1, 1))
        assert booked.of("a") == NOTHING


def test_a_whole_new_listing_takes_the_place_of_what_was_known() -> None:
    booked = Booked()
    booked.apply(a_key("n1"), a_record("n1", {"u": {"namespace": "a", "cores": "2"}}))
    booked.replace([a_record("n2", {"v": {"namespace": "b", "cores": "1"}})])
    assert booked.of("a") == NOTHING
    assert booked.of("b") == Amounts(millicores=1000)
