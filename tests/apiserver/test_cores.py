"""Which cores a VPS gets, and what is said when there are none."""

from typing import Any

import pytest

from kohakuriver import cpuset
from kohakuriver.apiserver.booking import words
from kohakuriver.placement import fits
from kohakuriver.placement.booking import Booking, booking_of
from kohakuriver.placement.node import machine_of
from kohakuriver.placement.request import Request
from kohakuriver.placement.room import room_of
from tests.apiserver.writing import a_node

pytestmark = pytest.mark.fault(27)

Json = dict[str, Any]
NODE = a_node(cores="64", numa=("0-3", "4-7"))


def alone(text: str, numa: int | None = None) -> Json:
    """The booking of exclusive cores."""
    count = str(len(cpuset.parse(text)))
    return {"cores": count, "exclusive": True, "cpuset": text, **({} if numa is None else {"numa": numa})}


def share(count: str, numa: int | None = None) -> Json:
    return {"cores": count, **({} if numa is None else {"numa": numa})}


def given(request: Request, *others: Json, held: str = "", node: Json | None = NODE) -> str:
    """The exclusive cores, or the refusal."""
    bookings = {str(number): booking_of(entry) for number, entry in enumerate(others)}
    room, own = room_of(machine_of("n1", node), bookings), cpuset.parse(held)
    has = Booking(len(own) * 1000, is_exclusive=bool(own), cpuset=own)
    chosen = fits.choose(request, room, held=has)
    if isinstance(chosen, Booking):
        return cpuset.written(chosen.cpuset)
    return words.refusal(request, room, has, chosen).message


def choose(
    count: int, *others: Json, numa: int | None = None, held: str = "", node: Json | None = NODE
) -> str:
    """Of a request for so many exclusive cores."""
    return given(Request(count * 1000, 0, count, numa), *others, held=held, node=node)


def test_exclusive_cores_come_from_one_numa_node_the_fullest_that_has_enough() -> None:
    assert choose(2) == "0-1"
    assert choose(2, alone("0"), alone("4-5")) == "6-7"
    assert choose(3, alone("0"), alone("4-5")) == "1-3"


def test_where_no_numa_node_has_enough_they_come_from_several() -> None:
    assert choose(5) == "0-4"
    assert choose(5, alone("0-1")) == "2,4-7"


def test_what_is_held_comes_first() -> None:
    assert choose(3, alone("0"), held="5,7") == "4-5,7"


def test_a_named_numa_node_gives_its_own() -> None:
    assert choose(2, numa=1) == "4-5"
    assert choose(2, alone("4-6"), numa=1) == "NUMA node 1 of n1 is short of exclusive cores: need 2, 1 free"


def test_a_pinned_share_keeps_room_on_its_numa_node() -> None:
    assert choose(3, share("1500m", numa=0), numa=0) == (
        "NUMA node 0 of n1 is short of exclusive cores: need 3, 2 free"
    )
    assert choose(2, share("1500m", numa=0), numa=0) == "0-1"


def test_those_who_share_keep_at_least_one_core() -> None:
    node = a_node(cores="64", numa=("0-1",))
    assert choose(2, share("500m"), node=node) == (
        "n1 is short of exclusive cores: others need at least one core to share"
    )
    assert choose(2, {"sshPort": 30000}, node=node) == "0-1", "who is stopped runs on none"


def test_a_share_is_refused_where_all_cores_are_taken_or_its_numa_node_is_full() -> None:
    assert given(Request(1000, 0), alone("0-7")) == "all 8 cores of n1 are other VPSes' alone"
    pinned = Request(2500, 0, numa=1)
    refused = given(pinned, alone("4"), share("1", numa=1))
    assert refused == "NUMA node 1 of n1 is short of cores: need 2.5, 2 free"
    assert given(pinned, alone("4")) == ""
    assert given(Request(5000, 0, numa=1)) == "NUMA node 1 of n1 is short of cores: need 5, 4 in all"


def test_a_node_that_has_not_said_which_cores_it_has_gives_shares_of_them_alone() -> None:
    assert choose(1, node=a_node()) == "node n1 has not reported which cores it has"
    assert given(Request(1000, 0), node=a_node()) == ""


def test_a_numa_node_that_does_not_exist_is_named_with_those_that_do() -> None:
    assert choose(1, numa=2) == "n1 has no NUMA node 2; it has 0, 1"
