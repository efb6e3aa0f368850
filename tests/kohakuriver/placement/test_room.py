"""What is left of a node, as everybody counts it."""

from typing import Any

from kohakuriver.placement.booking import Booking, bookings_of, grant_of, stray_of
from kohakuriver.placement.node import Machine, machine_of
from kohakuriver.placement.room import room_of

Json = dict[str, Any]
MACHINE = Machine(
    "n1", cores=4000, memory=100, overcommit=4000, ports=range(1, 3), numa={0: frozenset(range(4))}
)
OWN = {"cores": "2", "memory": "10", "cpuset": "0-1"}


def a_machine(*unknown: Json) -> Machine:
    status = {
        "allocatable": {"cores": "4", "memory": "100"},
        "cpuOvercommit": "4",
        "sshPorts": {"first": 1, "last": 2},
        "numa": [{"id": 0, "cpuset": "0-3"}],
    }
    return machine_of("n1", {"metadata": {"name": "n1"}, "status": {**status, "unknown": list(unknown)}})


def test_a_node_is_read_whole() -> None:
    assert a_machine() == MACHINE
    assert machine_of("n1", None) == Machine("n1")
    assert not machine_of("n1", {}).is_measured


def test_shares_count_once_and_cores_held_alone_as_often_as_each_is_given() -> None:
    room = room_of(MACHINE, {"u1": Booking(1500, 10), "u2": Booking(2000, 10, cpuset=frozenset({0, 1}))})
    assert (room.free_cores, room.free_whole, room.free_memory) == (6500, 1625, 80)
    assert (room.alone, room.cores_to_give) == (2000, 10_000)


def test_a_container_without_a_vps_holds_its_own_cores_alone() -> None:
    room = room_of(a_machine({**OWN, "uid": "u9", "state": "running"}), {})
    assert (room.alone, room.use.taken, room.use.shared) == (2000, {0, 1}, False)
    ended = room_of(a_machine({**OWN, "uid": "u9", "state": "exited", "sshPort": 1}), {})
    assert (ended.alone, ended.free_memory, ended.free_ports) == (0, 100, 1)


def test_two_containers_without_a_uid_hold_what_both_have() -> None:
    one = {"state": "running", "cores": "1", "memory": "10"}
    assert room_of(a_machine(one, one), {}).free_memory == 80


def test_what_is_booked_for_a_vps_is_all_that_its_container_has() -> None:
    machine = a_machine({"uid": "u1", "state": "running", "cores": "1", "memory": "10"})
    assert room_of(machine, {"u1": Booking(1000, 10)}).free_memory == 90


def test_for_a_vps_itself_nothing_counts_that_it_holds() -> None:
    machine = a_machine({"uid": "u1", "state": "running", "cores": "1", "memory": "10"})
    assert room_of(machine, {"u2": Booking(1000, 10)}, but="u1").free_memory == 90
    assert room_of(MACHINE, {"u1": Booking(1000, 10)}, but="u1").free_memory == 100


def test_who_gives_cores_up_to_share_holds_them_and_shares_the_rest() -> None:
    entry = {"cores": "3", "memory": "1", "cpuset": "0-1"}
    room = room_of(MACHINE, bookings_of({"bookings": {"u1": entry}}))
    assert (room.alone, room.use.taken, room.use.shared) == (2000, {0, 1}, True)
    assert grant_of(entry).is_exclusive, "a grant names no cores but those that are the VPS's alone"


def test_a_port_outside_of_the_range_takes_none_of_it() -> None:
    assert room_of(MACHINE, {"u1": Booking(port=7), "u2": Booking(port=2)}).free_ports == 1


def test_a_booking_is_written_as_it_is_read() -> None:
    held = Booking(2000, 1 << 30, 7, True, frozenset({0, 1}), 0, ("GPU-a",))
    assert bookings_of({"bookings": {"u1": held.booked()}}) == {"u1": held}
    assert grant_of(held.granted()) == held
    assert stray_of({**held.granted(), "state": "exited"}) == Booking(port=7, gpus=("GPU-a",))
