"""The arithmetic of bookings and its sentences. What no sequence may reach: test_booking_properties.py."""

import dataclasses
from typing import Any

from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.booking.booking import Booking, Refusal
from kohakuriver.placement.booking import booking_of
from kohakuriver.placement.request import asked_by
from tests.apiserver.writing import a_gpu, a_node

Json = dict[str, Any]

EMPTY: Json = {"metadata": {"name": "n1"}, "bookings": {}}


def a_vps(
    uid: str = "u1",
    *,
    cores: Any = 1,
    memory: Any = "1Gi",
    exclusive: bool = False,
    ssh: Json | None = None,
    **placement: Any,
) -> Json:
    resources = {"cores": cores, "memory": memory, **({"exclusive": True} if exclusive else {})}
    return {
        "metadata": {"name": uid, "namespace": "default", "uid": uid},
        "spec": {"resources": resources, "ssh": ssh or {}, "placement": placement},
    }


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


def resize(booked: Booking, before: Json, after: Json, node: Any = ...) -> Booking | Refusal:
    there = a_node() if node is ... else node
    return booking.resize(booked.allocation, there, granted(after, booked.grant), before=asked_by(before))


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
        "n1 is short of cores: need 4, 1.5 free and of memory: need 9Gi, 1.5Gi free"
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
    larger = resize(booked, vps, a_vps(cores=2, memory="1Gi"))
    assert isinstance(larger, Booking)
    assert larger.grant == {"cores": "2", "memory": "1Gi", "sshPort": 30000}
    assert larger.allocation["bookings"]["u1"]["cores"] == "2"
    too_large = resize(booked, vps, a_vps(memory="9Gi"))
    assert too_large == Refusal("n1 is short of memory: need 9Gi, 8Gi free")


def test_shrinking_stays_booked_until_it_is_settled() -> None:
    vps = a_vps(cores=4, memory="1Gi")
    smaller = a_vps(cores=1, memory="2Gi")
    resized = resize(book(EMPTY, vps), vps, smaller)
    assert isinstance(resized, Booking)
    assert resized.grant == {"cores": "1", "memory": "2Gi", "sshPort": 30000}
    entry = resized.allocation["bookings"]["u1"]
    assert (entry["cores"], entry["memory"]) == ("4", "2Gi"), "the larger of each"
    now = granted(smaller, resized.grant)
    assert booking.settle(resized.allocation, now, {"cores": "4", "memory": "1Gi"}) is None
    settled = booking.settle(resized.allocation, now, {"cores": 1, "memory": "2048Mi"})
    assert settled is not None
    assert settled["bookings"]["u1"]["cores"] == "1"
    assert booking.settle(settled, now, resized.grant) is None


def test_shrinking_needs_no_node() -> None:
    vps = a_vps(cores=4)
    booked = book(EMPTY, vps)
    assert isinstance(resize(booked, vps, a_vps(cores=1), node=None), Booking)
    assert resize(booked, vps, a_vps(cores=5), node=None) == Refusal("node n1 has not reported what it has")


def test_amounts_are_compared_and_not_how_they_are_written() -> None:
    assert asked_by(a_vps(cores="2000m", memory=1 << 30)) == asked_by(a_vps(cores=2, memory="1024Mi"))


def test_everything_that_is_lacking_is_said_in_one_sentence() -> None:
    node = a_node(gpus=(a_gpu(0),))
    full = book(EMPTY, a_vps("u1", cores=4, gpus={"count": 1}), node).allocation
    assert refusal(full, a_vps("u2", gpus={"count": 1}), node) == (
        "n1 is short of cores: need 1, 0 free; 0 of 1 GPUs free on n1"
    )


def test_a_grant_says_which_cores_and_gpus_and_the_booking_holds_them() -> None:
    node = a_node(cores="8", numa=("0-3", "4-7"), gpus=(a_gpu(0), a_gpu(1, numa=1)))
    booked = book(EMPTY, a_vps(cores=2, exclusive=True, numa=1, gpus={"count": 1}), node)
    assert booked.grant == {
        "cores": "2",
        "memory": "1Gi",
        "cpuset": "4-5",
        "numa": 1,
        "gpus": ["GPU-n1-1"],
        "sshPort": 30000,
    }
    entry = booked.allocation["bookings"]["u1"]
    assert entry["exclusive"] is True
    assert {field: entry[field] for field in booked.grant} == booked.grant


def test_a_stop_frees_cores_and_gpus_and_a_start_may_give_others() -> None:
    node = a_node(numa=("0-3",), gpus=(a_gpu(0), a_gpu(1)))
    vps = a_vps(cores=1, exclusive=True, gpus={"count": 1})
    released = booking.release(book(EMPTY, vps, node).allocation, granted(vps, {"sshPort": 30000}))
    assert released.allocation["bookings"]["u1"].keys() == {"namespace", "name", "epoch", "id", "sshPort"}
    taken = book(released.allocation, a_vps("u2", cores=1, exclusive=True, gpus={"ids": [0]}), node)
    again = booking.regrant(taken.allocation, node, granted(vps, {"sshPort": 30000}))
    assert isinstance(again, Booking)
    assert (again.grant["cpuset"], again.grant["gpus"]) == ("1", ["GPU-n1-1"])


def test_exclusive_cores_grow_around_those_it_has_and_shrink_into_them() -> None:
    node = a_node(cores="8", numa=("0-7",))
    small, large = a_vps(cores=2, exclusive=True), a_vps(cores=4, exclusive=True)
    first = book(EMPTY, small, node)
    other = book(first.allocation, a_vps("u2", cores=1, exclusive=True), node)
    grown = booking.resize(other.allocation, node, granted(large, first.grant), before=asked_by(small))
    assert isinstance(grown, Booking)
    assert grown.grant["cpuset"] == "0-1,3-4", "2 is the other's"
    shrunk = booking.resize(grown.allocation, node, granted(small, grown.grant), before=asked_by(large))
    assert isinstance(shrunk, Booking)
    assert shrunk.grant["cpuset"] == "0-1"
    assert shrunk.allocation["bookings"]["u1"]["cpuset"] == "0-1,3-4", "held until applied"
    settled = booking.settle(shrunk.allocation, granted(small, shrunk.grant), shrunk.grant)
    assert settled is not None and settled["bookings"]["u1"]["cpuset"] == "0-1"


def test_a_share_becomes_fewer_exclusive_cores_where_those_are_free() -> None:
    node = a_node(numa=("0-3",), overcommit="4")
    large, alone = a_vps(cores=4), a_vps(cores=1, exclusive=True)
    beside = book(book(EMPTY, large, node).allocation, a_vps("u2"), node)
    booked = dataclasses.replace(beside, grant=book(EMPTY, large, node).grant)
    resized = resize(booked, large, alone, node)
    assert isinstance(resized, Booking), resized
    assert resized.grant["cores"] == "1"
    held = booking_of(resized.allocation["bookings"]["u1"])
    assert (held.alone, held.cores) == (1000, 4000), "it is limited to the former ones yet"


def test_from_exclusive_cores_to_a_share_and_back() -> None:
    node = a_node(cores="4", numa=("0-3",))
    alone, sharing = a_vps(cores=2, exclusive=True), a_vps(cores=2)
    first = book(EMPTY, alone, node)
    shared = resize(first, alone, sharing, node=node)
    assert isinstance(shared, Booking) and "cpuset" not in shared.grant
    entry = shared.allocation["bookings"]["u1"]
    assert entry["cpuset"] == "0-1" and "exclusive" not in entry
    settled = booking.settle(shared.allocation, granted(sharing, shared.grant), shared.grant)
    assert settled is not None and "cpuset" not in settled["bookings"]["u1"]
    back = booking.resize(settled, node, granted(alone, shared.grant), before=asked_by(sharing))
    assert isinstance(back, Booking) and back.grant["cpuset"] == "0-1"


def test_other_gpus_are_granted_at_once_and_the_former_held_until_the_restart() -> None:
    node = a_node(gpus=(a_gpu(0), a_gpu(1)))
    before, after = a_vps(gpus={"ids": [0]}), a_vps(gpus={"ids": [1]})
    changed = resize(book(EMPTY, before, node), before, after, node=node)
    assert isinstance(changed, Booking) and changed.grant["gpus"] == ["GPU-n1-1"]
    assert set(changed.allocation["bookings"]["u1"]["gpus"]) == {"GPU-n1-0", "GPU-n1-1"}
    now = granted(after, changed.grant)
    container = {**changed.grant, "gpus": ["GPU-n1-0"]}
    assert booking.settle(changed.allocation, now, container) is None, "the container has the former one"
    settled = booking.settle(changed.allocation, now, changed.grant)
    assert settled is not None and settled["bookings"]["u1"]["gpus"] == ["GPU-n1-1"]


def test_more_memory_leaves_a_gpu_that_has_fallen_ill_where_it_is() -> None:
    before, after = a_vps(gpus={"count": 1}), a_vps(memory="2Gi", gpus={"count": 1})
    booked = book(EMPTY, before, a_node(gpus=(a_gpu(0), a_gpu(1))))
    ill = a_node(gpus=(a_gpu(0, healthy=False), a_gpu(1)))
    changed = resize(booked, before, after, node=ill)
    assert isinstance(changed, Booking) and changed.grant["gpus"] == ["GPU-n1-0"]


def test_a_tombstone_keeps_all_that_was_booked_and_its_vps_is_not_booked_there_again() -> None:
    node, vps = a_node(gpus=(a_gpu(0),)), a_vps(cores=3, gpus={"count": 1})
    booked = book(EMPTY, vps, node)
    buried = booking.bury(booked.allocation, granted(vps, booked.grant), since="then", why="by force")
    assert buried["bookings"]["u1"]["tombstone"] == {"since": "then", "why": "by force"}
    assert "0 of 1 GPUs free on n1" in refusal(buried, a_vps("u2", gpus={"count": 1}), node)
    assert refusal(buried, vps, node).startswith("n1 still has the former container of this VPS")


def test_a_port_that_a_stranger_holds_is_changed_for_the_next() -> None:
    vps = a_vps()
    booked = book(book(EMPTY, vps).allocation, a_vps("u2"))
    holder = granted(vps, {"cores": "1", "memory": "1Gi", "sshPort": 30000})
    moved = booking.move_port(booked.allocation, a_node(), holder, strangers={30000, 30002})
    assert isinstance(moved, Booking) and moved.grant["sshPort"] == 30003
    assert moved.allocation["bookings"]["u1"]["sshPort"] == 30003
    everything = set(range(30000, 30010))
    refused = booking.move_port(booked.allocation, a_node(), holder, strangers=everything)
    assert refused == Refusal(
        "n1 is short of SSH ports: need 1, 0 of 10 (30000-30009) free, 10 held by other programs", "spec.ssh"
    )


def test_a_node_gives_its_cores_as_often_as_it_says() -> None:
    node = a_node(cores="2", overcommit="4")
    full = EMPTY
    for number in range(4):
        full = book(full, a_vps(f"u{number}", cores=2), node).allocation
    assert refusal(full, a_vps("u9"), node) == "n1 is short of cores: need 1, 0 free"
    half = a_node(cores="2", overcommit="1.5")
    assert refusal(book(EMPTY, a_vps(cores=2), half).allocation, a_vps("u2", cores=1.5), half) == (
        "n1 is short of cores: need 1.5, 1 free"
    )


def test_no_share_is_larger_than_the_node() -> None:
    node = a_node(cores="2", overcommit="4")
    assert refusal(EMPTY, a_vps(cores=9), node) == "n1 is short of cores: need 9, 2 in all"
    small = book(EMPTY, a_vps(), node)
    grown = resize(small, a_vps(), a_vps(cores=2.5), node)
    assert grown == Refusal("n1 is short of cores: need 2.5, 2 in all")


def test_a_core_that_is_held_alone_is_given_once() -> None:
    node = a_node(cores="4", numa=("0-3",), overcommit="4")
    two = book(EMPTY, a_vps(cores=2, exclusive=True), node).allocation
    shares = two
    for number in range(4):
        shares = book(shares, a_vps(f"s{number}", cores=2), node).allocation
    assert refusal(shares, a_vps("s9"), node) == "n1 is short of cores: need 1, 0 free"
    assert refusal(shares, a_vps("x9", exclusive=True), node) == "n1 is short of cores: need 1, 0 free"
    five = book(book(EMPTY, a_vps("s1", cores=4), node).allocation, a_vps("s2", cores=1), node).allocation
    short = refusal(five, a_vps("x9", cores=3, exclusive=True), node)
    assert short == "n1 is short of cores: need 3, 2.75 free"


def test_who_shares_may_have_his_cores_alone_only_where_all_others_have_enough_left() -> None:
    node = a_node(cores="4", numa=("0-3",), overcommit="4")
    mine = book(book(EMPTY, a_vps("s1", cores=4), node).allocation, a_vps(cores=2), node)
    lucky = resize(mine, a_vps(cores=2), a_vps(cores=2, exclusive=True), node)
    assert isinstance(lucky, Booking) and lucky.grant["cpuset"] == "0-1"
    full = mine.allocation
    for number in range(2, 4):
        full = book(full, a_vps(f"s{number}", cores=4), node).allocation
    crowded = Booking(full, mine.grant)
    refused = resize(crowded, a_vps(cores=2), a_vps(cores=2, exclusive=True), node)
    assert refused == Refusal("n1 is short of cores: need 2, 1 free")


def test_a_lowered_ratio_throws_nobody_out_and_lets_nothing_new_in() -> None:
    before, after = a_node(cores="2", overcommit="4"), a_node(cores="2", overcommit="1")
    booked = book(book(EMPTY, a_vps("u2", cores=2), before).allocation, a_vps(cores=2), before)
    assert refusal(booked.allocation, a_vps("u3", cores=0.5), after) == (
        "n1 is short of cores: need 0.5, 0 free"
    )
    assert isinstance(resize(booked, a_vps(cores=2), a_vps(cores=1), after), Booking), "less is always had"
    same = resize(booked, a_vps(cores=2), a_vps(cores=2, memory="2Gi"), after)
    assert isinstance(same, Booking), "more memory is not more cores"


def test_shares_that_are_pinned_share_the_cores_of_their_numa_node() -> None:
    node = a_node(cores="4", numa=("0-1", "2-3"), overcommit="1.5")
    pinned = book(EMPTY, a_vps(cores=2, numa=1), node).allocation
    assert refusal(pinned, a_vps("u2", cores=1.5, numa=1), node) == (
        "NUMA node 1 of n1 is short of cores: need 1.5, 1 free"
    )
    full = book(pinned, a_vps("u2", numa=1), node).allocation
    assert refusal(full, a_vps("u3", exclusive=True, numa=1), node) == (
        "NUMA node 1 of n1 is short of exclusive cores: need 1, 0 free"
    )
    assert refusal(EMPTY, a_vps(cores=3, numa=1), node) == (
        "NUMA node 1 of n1 is short of cores: need 3, 2 in all"
    )


def test_a_container_that_is_adopted_has_cores_alone_only_where_the_others_have_enough_left() -> None:
    node = a_node(cores="4", numa=("0-3",), overcommit="4")
    full = EMPTY
    for number in range(2, 6):
        full = book(full, a_vps(f"u{number}", cores=3.5), node).allocation
    held = {"uid": "u1", "state": "running", "cores": "2", "memory": "1Gi", "epoch": 1}
    shared = booking.adopt(full, node, a_vps(cores=2), held, id_="b")
    assert isinstance(shared, Booking), "what it has already is no more than before"
    alone = booking.adopt(full, node, a_vps(cores=2, exclusive=True), held, id_="b")
    assert alone == Refusal("n1 is short of cores: need 2, 0.5 free")
