"""Which cores a VPS gets, and what is said when there are none."""

from typing import Any

import pytest

from kohakuriver import cpuset
from kohakuriver.apiserver.booking import cores
from kohakuriver.apiserver.booking.amounts import Amount
from kohakuriver.apiserver.booking.wanted import Wanted
from kohakuriver.apiserver.objects.refusal import Refusal
from tests.apiserver.writing import a_node

pytestmark = pytest.mark.fault(27)

Json = dict[str, Any]
NODE = a_node(cores="8", numa=("0-3", "4-7"))


def alone(text: str, numa: int | None = None) -> Json:
    """The booking of exclusive cores."""
    count = str(len(cpuset.parse(text)))
    return {"cores": count, "exclusive": True, "cpuset": text, **({} if numa is None else {"numa": numa})}


def share(count: str, numa: int | None = None) -> Json:
    return {"cores": count, **({} if numa is None else {"numa": numa})}


def choose(
    count: int, *others: Json, numa: int | None = None, held: str = "", node: Json | None = NODE
) -> str:
    """The exclusive cores, or the refusal."""
    wanted = Wanted(Amount(count * 1000), exclusive=True, numa=numa)
    chosen = cores.choose("n1", node, others, wanted=wanted, held=cpuset.parse(held))
    return chosen.message if isinstance(chosen, Refusal) else cpuset.written(chosen)


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
    node = a_node(cores="16", numa=("0-1",))
    assert choose(2, share("500m"), node=node) == (
        "n1 is short of exclusive cores: others need at least one core to share"
    )
    assert choose(2, {"sshPort": 30000}, node=node) == "0-1", "who is stopped runs on none"


def test_a_share_is_refused_where_all_cores_are_taken_or_its_numa_node_is_full() -> None:
    wanted = Wanted(Amount(1000))
    refused = cores.choose("n1", NODE, [alone("0-7")], wanted=wanted, held=cores.NONE)
    assert refused == Refusal("all 8 cores of n1 are other VPSes' alone")
    pinned = Wanted(Amount(2500), numa=1)
    refused = cores.choose("n1", NODE, [alone("4"), share("1", numa=1)], wanted=pinned, held=cores.NONE)
    assert refused == Refusal("NUMA node 1 of n1 is short of cores: need 2.5, 2 free")
    assert cores.choose("n1", NODE, [alone("4")], wanted=pinned, held=cores.NONE) == cores.NONE


def test_a_node_that_has_not_said_which_cores_it_has_gives_shares_of_them_alone() -> None:
    assert choose(1, node=a_node()) == "node n1 has not reported which cores it has"
    chosen = cores.choose("n1", a_node(), [], wanted=Wanted(Amount(1000)), held=cores.NONE)
    assert chosen == cores.NONE


def test_a_numa_node_that_does_not_exist_is_named_with_those_that_do() -> None:
    assert choose(1, numa=2) == "n1 has no NUMA node 2; it has 0, 1"
