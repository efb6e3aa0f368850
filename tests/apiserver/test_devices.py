"""Which GPUs a VPS gets, and what is said when there are none."""

from typing import Any

import pytest

from kohakuriver.apiserver.booking import words
from kohakuriver.placement import fits
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.gpus import Wish
from kohakuriver.placement.node import machine_of
from kohakuriver.placement.request import Request
from kohakuriver.placement.room import room_of
from tests.apiserver.writing import a_gpu, a_node

pytestmark = pytest.mark.fault(23)

Json = dict[str, Any]
EIGHT = a_node(numa=("0-3", "4-7"), gpus=tuple(a_gpu(number, numa=number // 2) for number in range(4)))
MIXED = a_node(
    numa=("0-3",),
    gpus=(a_gpu(0), a_gpu(1, model="H100"), a_gpu(2, healthy=False)),
)


def choose(
    request: Json, *taken: int, node: Json | None = EIGHT, numa: int | None = None, held: tuple[int, ...] = ()
) -> str:
    """The indices chosen, or the refusal."""
    others = {str(number): Booking(gpus=(f"GPU-n1-{number}",)) for number in taken}
    asked = Request(0, 0, numa=numa, gpus=Wish.of(request))
    has = Booking(gpus=tuple(f"GPU-n1-{number}" for number in held))
    room = room_of(machine_of("n1", node), others)
    chosen = fits.choose(asked, room, held=has)
    if isinstance(chosen, Booking):
        return ",".join(uuid.removeprefix("GPU-n1-") for uuid in chosen.gpus)
    return words.refusal(asked, room, has, chosen).message


def test_by_count_they_come_from_one_numa_node_lowest_index_first() -> None:
    assert choose({"count": 1}) == "0"
    assert choose({"count": 2}, 0) == "2,3"
    assert choose({"count": 3}, 0) == "1,2,3"
    assert choose({"count": 1}, 2) == "3", "the numa node that is fuller"


def test_what_is_held_comes_first_and_its_neighbours_next() -> None:
    assert choose({"count": 1}, held=(3,)) == "3"
    assert choose({"count": 2}, held=(3,)) == "2,3"


def test_by_index_or_uuid_it_is_that_one_or_the_reason_why_not() -> None:
    assert choose({"ids": [3, "GPU-n1-0"]}) == "3,0"
    assert choose({"ids": [3]}, 3) == "GPU 3 of n1 is held by another VPS"
    assert choose({"ids": [9]}) == "n1 has no GPU 9; it has 0, 1, 2, 3"
    assert choose({"ids": [0]}, node=a_node()) == "n1 has no GPU 0; it has none"
    assert choose({"ids": [2]}, node=MIXED) == "GPU 2 of n1 is not healthy"
    assert choose({"ids": [0]}, numa=1) == "GPU 0 of n1 is on NUMA node 0, not on 1"
    assert choose({"ids": [0, "GPU-n1-0"]}) == "two of the ids name the same GPU of n1"


def test_by_model_any_part_of_its_name_in_any_case() -> None:
    assert choose({"model": "h100"}, node=MIXED) == "1"
    assert choose({"model": "a100", "count": 2}, node=MIXED) == "1 of 2 a100 GPUs free on n1, 2 needed"
    assert choose({"model": "B200"}, node=MIXED) == "n1 has no B200 GPUs"


def test_the_numa_node_asked_for_is_the_gpus_too() -> None:
    assert choose({"count": 2}, numa=1) == "2,3"
    assert choose({"count": 2}, 3, numa=1) == "1 of 2 GPUs free on NUMA node 1 of n1, 2 needed"
    assert choose({"count": 1}, node=MIXED, numa=0) == "0", "where there is one NUMA node all are near"


def test_a_refusal_counts_what_is_free() -> None:
    one = a_node(gpus=(a_gpu(0),))
    assert choose({"count": 1}, 0, node=one) == "0 of 1 GPUs free on n1"
    assert choose({"count": 4}, 0, 1) == "2 of 4 GPUs free on n1, 4 needed"
    assert choose({"count": 1}, node=a_node()) == "n1 has no GPUs"
    assert choose({"count": 1}, node=None) == "n1 has no GPUs"


def test_a_gpu_that_its_node_has_named_twice_is_given_once() -> None:
    node = a_node(numa=("0-3",), gpus=(a_gpu(0), {**a_gpu(0), "index": 1}))
    assert choose({"count": 1}, node=node) == "0"
    assert choose({"count": 2}, node=node) == "1 of 1 GPUs free on n1, 2 needed"
