"""Cores and memory as sysfs has them."""

from pathlib import Path

from kohakuriver.agent.machine import topology
from tests.agent.placement_kit import a_sysfs


def test_each_numa_node_has_its_cores_and_memory(tmp_path: Path) -> None:
    found = topology.read(a_sysfs(tmp_path, "0-3", "4-7"))
    assert [node.written() for node in found] == [
        {"id": 0, "cpuset": "0-3", "memory": "8Gi"},
        {"id": 1, "cpuset": "4-7", "memory": "8Gi"},
    ]
    assert topology.cores_of(found) == frozenset(range(8))
    assert topology.cores_of(found, 1) == frozenset(range(4, 8))


def test_cores_that_are_off_or_not_ours_do_not_count(tmp_path: Path) -> None:
    a_sysfs(tmp_path, "0-3", "4-7")
    (tmp_path / "devices/system/cpu/online").write_text("0-5\n")
    (tmp_path / "fs/cgroup").mkdir(parents=True)
    (tmp_path / "fs/cgroup/cpuset.cpus.effective").write_text("1-7\n")
    assert [node.cores for node in topology.read(tmp_path)] == [{1, 2, 3}, {4, 5}]


def test_a_machine_without_numa_is_one_node(tmp_path: Path) -> None:
    online = tmp_path / "devices/system/cpu/online"
    online.parent.mkdir(parents=True)
    online.write_text("0-1\n")
    assert [node.written() for node in topology.read(tmp_path)] == [{"id": 0, "cpuset": "0-1"}]


def test_a_machine_that_does_not_say_has_none(tmp_path: Path) -> None:
    assert topology.read(tmp_path) == ()
