"""The arithmetic of bookings: its sentences, and what no sequence of bookings may ever reach."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiserver import booking
from apiserver.booking import Booking, Refusal
from kohakuriver import quantity
from tests.apiserver.writing import a_node

Json = dict[str, Any]

EMPTY: Json = {"metadata": {"name": "n1"}, "bookings": {}}


def a_vps(
    uid: str = "u1", *, cores: Any = 1, memory: Any = "1Gi", ssh: Json | None = None, **grant: Any
) -> Json:
    vps: Json = {
        "metadata": {"name": uid, "namespace": "default", "uid": uid},
        "spec": {"resources": {"cores": cores, "memory": memory}, "ssh": ssh or {}},
    }
    if grant:
        vps["status"] = {"assignment": {"node": "n1", "epoch": 1, "id": "b", "grant": grant}}
    return vps


def book(allocation: Json, vps: Json, node: Json | None = None) -> Booking:
    booked = booking.book(allocation, node or a_node(), vps, epoch=1, id_="b")
    assert isinstance(booked, Booking), booked
    return booked


def refusal(allocation: Json, vps: Json, node: Json | None = None) -> str:
    refused = booking.book(allocation, node or a_node(), vps, epoch=1, id_="b")
    assert isinstance(refused, Refusal), refused
    return refused.message


def granted(vps: Json, grant: Json) -> Json:
    assignment = {"node": "n1", "epoch": 1, "id": "b", "grant": grant}
    return {**vps, "status": {"assignment": assignment}}


def test_a_booking_holds_cores_memory_and_the_lowest_port() -> None:
    booked = book(EMPTY, a_vps(cores=0.5, memory="1024Mi"))
    assert booked.grant == {"cores": "500m", "memory": "1Gi", "sshPort": 30000}
    assert booked.allocation["bookings"] == {
        "u1": {"namespace": "default", "name": "u1", "epoch": 1, "id": "b", **booked.grant}
    }
    assert EMPTY["bookings"] == {}, "what is passed in stays as it is"


def test_the_next_booking_gets_the_next_port() -> None:
    first = book(EMPTY, a_vps("u1"))
    second = book(first.allocation, a_vps("u2"))
    assert second.grant["sshPort"] == 30001
    third = book(booking.free(second.allocation, "u1"), a_vps("u3"))
    assert third.grant["sshPort"] == 30000, "the lowest free one"


def test_without_ssh_or_without_ports_there_is_no_port() -> None:
    assert "sshPort" not in book(EMPTY, a_vps(ssh={"disabled": True})).grant
    node = a_node()
    del node["status"]["sshPorts"]
    assert "sshPort" not in book(EMPTY, a_vps(), node).grant


def test_a_refusal_says_what_is_short_in_numbers() -> None:
    full = book(EMPTY, a_vps("u1", cores="2500m", memory="6656Mi"), a_node(memory="16Gi")).allocation
    assert refusal(full, a_vps("u2", memory="16Gi"), a_node(memory="16Gi")) == (
        "n1 is short of memory: need 16Gi, 9.5Gi free"
    )
    assert refusal(full, a_vps("u2", cores=4, memory="9Gi")) == (
        "n1 is short of cores: need 4, 1500m free and of memory: need 9Gi, 1.5Gi free"
    )


def test_a_node_that_shrank_has_nothing_free_and_not_less() -> None:
    full = book(EMPTY, a_vps("u1", cores=4)).allocation
    assert refusal(full, a_vps("u2"), a_node(cores="2")) == "n1 is short of cores: need 1, 0 free"


def test_a_node_that_has_reported_nothing_takes_nothing() -> None:
    node = a_node()
    del node["status"]
    assert refusal(EMPTY, a_vps(), node) == "node n1 has not reported what it has"


def test_when_all_ports_are_booked_the_refusal_says_so() -> None:
    node = a_node()
    node["status"]["sshPorts"] |= {"first": 30000, "last": 30000}
    full = book(EMPTY, a_vps("u1"), node).allocation
    assert refusal(full, a_vps("u2"), node) == ("n1 is short of SSH ports: need 1, 0 of 1 (30000-30000) free")


def test_released_it_keeps_its_port_and_regranted_it_has_the_same() -> None:
    vps = a_vps()
    booked = book(EMPTY, vps)
    released = booking.release(booked.allocation, granted(vps, booked.grant))
    assert released.grant == {"sshPort": 30000}
    other = book(released.allocation, a_vps("u2", cores=4))
    assert other.grant["sshPort"] == 30001, "the port stayed booked"
    again = booking.regrant(released.allocation, a_node(), granted(vps, released.grant))
    assert isinstance(again, Booking) and again.grant == booked.grant


def test_a_regrant_on_a_node_that_is_full_by_now_is_refused() -> None:
    vps = a_vps()
    released = booking.release(book(EMPTY, vps).allocation, granted(vps, {"sshPort": 30000}))
    full = book(released.allocation, a_vps("u2", cores=4)).allocation
    refused = booking.regrant(full, a_node(), granted(vps, {"sshPort": 30000}))
    assert refused == Refusal("n1 is short of cores: need 1, 0 free")


def test_growing_is_booked_at_once_or_refused() -> None:
    vps = a_vps(cores=1, memory="1Gi")
    booked = book(EMPTY, vps)
    larger = booking.resize(booked.allocation, a_node(), granted(a_vps(cores=2, memory="1Gi"), booked.grant))
    assert isinstance(larger, Booking)
    assert larger.grant == {"cores": "2", "memory": "1Gi", "sshPort": 30000}
    assert larger.allocation["bookings"]["u1"]["cores"] == "2"
    too_large = booking.resize(booked.allocation, a_node(), granted(a_vps(memory="9Gi"), booked.grant))
    assert too_large == Refusal("n1 is short of memory: need 9Gi, 8Gi free")


def test_shrinking_stays_booked_until_it_is_settled() -> None:
    booked = book(EMPTY, a_vps(cores=4, memory="1Gi"))
    smaller = granted(a_vps(cores=1, memory="2Gi"), booked.grant)
    resized = booking.resize(booked.allocation, a_node(), smaller)
    assert isinstance(resized, Booking)
    assert resized.grant == {"cores": "1", "memory": "2Gi", "sshPort": 30000}
    entry = resized.allocation["bookings"]["u1"]
    assert (entry["cores"], entry["memory"]) == ("4", "2Gi"), "the larger of each"
    settled = booking.settle(resized.allocation, granted(smaller, resized.grant))
    assert settled is not None
    assert settled["bookings"]["u1"]["cores"] == "1"
    assert booking.settle(settled, granted(smaller, resized.grant)) is None


def test_shrinking_needs_no_node() -> None:
    booked = book(EMPTY, a_vps(cores=4))
    assert isinstance(booking.resize(booked.allocation, None, granted(a_vps(cores=1), booked.grant)), Booking)
    grown = booking.resize(booked.allocation, None, granted(a_vps(cores=5), booked.grant))
    assert grown == Refusal("node n1 has not reported what it has")


@pytest.mark.parametrize("same", [{"cores": "2", "memory": "1Gi"}, {"cores": 2, "memory": "1024Mi"}])
def test_amounts_are_compared_and_not_how_they_are_written(same: Json) -> None:
    assert booking.same(same, booking.needed(a_vps(cores="2000m", memory=1 << 30)))


AMOUNTS = st.tuples(
    st.sampled_from(["100m", "500m", 1, 2, "3"]), st.sampled_from(["512Mi", "1Gi", "3Gi", "2G"])
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["book", "release", "regrant", "free", "resize", "settle"]),
        st.integers(0, 5),
        AMOUNTS,
    ),
    max_size=40,
)


@given(STEPS)
def test_no_sequence_of_steps_books_a_node_beyond_what_it_has(steps: list[tuple[str, int, Any]]) -> None:
    node, allocation, vpses = a_node(cores="4", memory="8Gi"), EMPTY, dict[str, Json]()
    node["status"]["sshPorts"]["last"] = 30003
    for verb, number, (cores, memory) in steps:
        uid, before = f"u{number}", copy.deepcopy(allocation)
        allocation = step(verb, uid, allocation, node, vpses, a_vps(uid, cores=cores, memory=memory))
        assert before["bookings"].keys() ^ allocation["bookings"].keys() <= {uid}, "others' bookings stay"
        check(allocation, vpses)


def step(verb: str, uid: str, allocation: Json, node: Json, vpses: dict[str, Json], wanted: Json) -> Json:
    """One transaction, where it applies; `vpses` holds those that are bound, with their grants."""
    vps = vpses.get(uid)
    grant = vps["status"]["assignment"]["grant"] if vps else {}
    result: Booking | Refusal | None = None
    if verb == "book" and vps is None:
        vps, result = wanted, booking.book(allocation, node, wanted, epoch=1, id_="b")
    elif vps is not None and verb == "free":
        del vpses[uid]
        return booking.free(allocation, uid)
    elif vps is not None and verb == "release":
        result = booking.release(allocation, vps)
    elif vps is not None and verb == "regrant" and "cores" not in grant:
        result = booking.regrant(allocation, node, vps)
    elif vps is not None and verb == "resize" and "cores" in grant:
        vps = {**vps, "spec": wanted["spec"]}
        result = booking.resize(allocation, node, vps)
    elif vps is not None and verb == "settle":
        return booking.settle(allocation, vps) or allocation
    if isinstance(result, Booking) and vps is not None:
        vpses[uid] = granted(vps, result.grant)
        return result.allocation
    return allocation


def check(allocation: Json, vpses: dict[str, Json]) -> None:
    entries = allocation["bookings"]
    assert entries.keys() == vpses.keys(), "exactly the bound ones are booked"
    assert sum(quantity.millicores(entry.get("cores", 0)) for entry in entries.values()) <= 4000, (
        "cores over-booked"
    )
    assert sum(quantity.size(entry.get("memory", 0)) for entry in entries.values()) <= 8 << 30, (
        "memory over-booked"
    )
    ports = [entry["sshPort"] for entry in entries.values()]
    assert len(set(ports)) == len(ports), "one port booked twice"
    assert all(30000 <= port <= 30003 for port in ports), "a port outside of the node's range"
    for uid, vps in vpses.items():
        grant = vps["status"]["assignment"]["grant"]
        for field, measure in (("cores", quantity.millicores), ("memory", quantity.size)):
            held, used = entries[uid].get(field, 0), grant.get(field, 0)
            assert measure(used) <= measure(held), "granted more than is booked"
