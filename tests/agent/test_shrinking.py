"""A smaller memory limit on a machine with cgroup v2: refused where programs would be killed for it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from kohakuriver.agent.runtime import shrinking
from kohakuriver.agent.runtime.base import Limits
from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.runtime.errors import EngineRefused
from tests.agent.agent_kit import a_manifest, a_node
from tests.agent.engine_kit import CLUSTER, a_socket_engine

MIB = 1 << 20
V2 = {"usage": 300 * MIB, "stats": {"anon": 180 * MIB, "inactive_file": 100 * MIB}}
V1 = {"usage": 300 * MIB, "stats": {"inactive_file": 100 * MIB, "total_inactive_file": 100 * MIB}}


@pytest.mark.parametrize(
    ("reading", "used"),
    [(V2, 200 * MIB), (V1, None), ({}, None), ({"usage": 0, "stats": {}}, None), (None, None)],
)
def test_what_counts_is_what_a_kernel_of_v2_cannot_drop(reading: Any, used: int | None) -> None:
    assert shrinking.used_of_v2({"memory_stats": reading}) == used


@pytest.mark.parametrize(("memory", "is_sent"), [(199 * MIB, False), (200 * MIB, True), (1 << 30, True)])
async def test_an_engine_is_not_told_a_limit_that_would_kill(
    memory: int, is_sent: bool, tmp_path: Path
) -> None:
    async with a_socket_engine(tmp_path, "c1") as (engine, socket):
        engine.memory_stats = V2
        runtime = DockerRuntime(cluster=CLUSTER, socket_path=socket)
        refused = False
        try:
            await runtime.update("c1", Limits(millicores=100, memory=memory))
        except EngineRefused as error:
            refused = "use 200Mi of memory, more than the 199Mi" in error.message
        await runtime.aclose()
        assert (refused, engine.calls["update", "c1"]) == ((False, 1) if is_sent else (True, 0))


@pytest.mark.looptime
async def test_a_resize_below_what_is_used_is_pending_and_done_once_it_fits(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(resources={"cores": 1, "memory": "2Gi"}))
        await node.until(phase="running")
        before = node.container()
        node.engine.used[before.id] = 1536 * MIB
        await node.change(resources={"cores": 1, "memory": "1Gi"})
        vps = await node.until(reason="ResizePending")
        assert vps["status"]["phase"] == "running"
        assert "1.5Gi" in vps["status"]["observed"]["message"]
        assert node.container() == before
        node.engine.used[before.id] = 512 * MIB
        await node.until(reason=None)
        limits = node.container().limits
        assert limits is not None and limits.memory == 1 << 30


ID = "a" * 64


@dataclasses.dataclass
class Machine:
    """A machine with one running container, whose kernel reads as is written here."""

    folder: Path
    path: str = f"/system.slice/docker-{ID}.scope"
    stats_asked: int = 0

    def inspect_container(self, container_id: str) -> Mapping[str, Any]:
        assert container_id == ID
        return {"State": {"Pid": 7}}

    def stats(self, container_id: str, *, stream: bool, one_shot: bool) -> Mapping[str, Any]:
        assert (container_id, stream, one_shot) == (ID, False, True)
        self.stats_asked += 1
        return {"memory_stats": V2}

    @property
    def group(self) -> Path:
        return self.folder / "cgroup" / self.path.lstrip("/")

    def made(self, *, uses: int, drops: int = 0, limit: str = str(512 * MIB), below: str = "") -> "Machine":
        self.group.mkdir(parents=True)
        (self.folder / "proc" / "7").mkdir(parents=True)
        (self.folder / "proc" / "7" / "cgroup").write_text(f"0::{self.path}{below}\n")
        (self.group / "memory.current").write_text(f"{uses}\n")
        (self.group / "memory.stat").write_text(f"anon 1\ninactive_file {drops}\n")
        (self.group / "memory.max").write_text(f"{limit}\n")
        (self.group / "memory.high").write_text("max\n")
        return self

    @property
    def high(self) -> str:
        return (self.group / "memory.high").read_text().strip()

    def leftovers(self) -> shrinking.Leftovers:
        return shrinking.Leftovers(proc=self.folder / "proc", cgroups=self.folder / "cgroup")

    def looked_at(self, leftovers: shrinking.Leftovers) -> None:
        leftovers.take_back(ID, 7)

    def shrunk(self, memory: int) -> str:
        """To so much; what the kernel was asked to do with while the limit was set."""
        client = cast("docker.APIClient", self)
        with shrinking.room(client, ID, memory, proc=self.folder / "proc", cgroups=self.folder / "cgroup"):
            return self.high


def test_a_kernel_is_asked_to_do_with_a_little_less_while_the_limit_is_set(tmp_path: Path) -> None:
    machine = Machine(tmp_path).made(uses=100 * MIB)
    assert machine.shrunk(128 * MIB) == str(shrinking.eased(128 * MIB))
    assert machine.high == "max"
    assert machine.stats_asked == 0


def test_what_is_used_still_once_the_kernel_was_asked_is_refused_and_may_grow_as_before(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path).made(uses=150 * MIB, drops=MIB)
    with pytest.raises(EngineRefused, match="use 149Mi of memory, more than the 128Mi"):
        machine.shrunk(128 * MIB)
    assert machine.high == "max"


@pytest.mark.parametrize("limit", [str(128 * MIB), str(64 * MIB)])
def test_a_limit_that_is_not_lowered_holds_nobody_back(tmp_path: Path, limit: str) -> None:
    machine = Machine(tmp_path).made(uses=150 * MIB, limit=limit)
    assert machine.shrunk(128 * MIB) == "max"


def test_what_an_agent_left_that_ended_in_the_middle_of_it_goes_with_the_next_limit(tmp_path: Path) -> None:
    machine = Machine(tmp_path).made(uses=MIB)
    (machine.group / "memory.high").write_text(str(2 * MIB))
    machine.shrunk(1 << 30)
    assert machine.high == "max"


@pytest.mark.parametrize("memory", [64 * MIB, 100_000_000, 3 << 30, (3 << 30) + 4095])
def test_what_is_asked_for_is_a_little_less_and_can_be_told_from_what_a_person_writes(memory: int) -> None:
    assert memory * 0.93 < shrinking.eased(memory) <= memory * 15 / 16
    assert shrinking.is_eased(str(shrinking.eased(memory)))
    assert not shrinking.is_eased(str(memory))


@pytest.mark.parametrize(
    ("left", "then"),
    [(str(shrinking.eased(128 * MIB)), "max"), (str(100 * MIB), str(100 * MIB)), ("max", "max")],
)
def test_the_first_look_takes_back_what_an_agent_left_and_nothing_else(
    left: str, then: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path).made(uses=MIB)
    (machine.group / "memory.high").write_text(f"{left}\n")
    machine.looked_at(machine.leftovers())
    assert machine.high == then


def test_a_later_look_leaves_what_is_just_being_asked_for(tmp_path: Path) -> None:
    machine = Machine(tmp_path).made(uses=MIB)
    leftovers = machine.leftovers()
    machine.looked_at(leftovers)
    (machine.group / "memory.high").write_text(str(shrinking.eased(MIB)))
    machine.looked_at(leftovers)
    assert machine.high == str(shrinking.eased(MIB))


def test_a_system_inside_that_has_groups_of_its_own_counts_whole(tmp_path: Path) -> None:
    machine = Machine(tmp_path).made(uses=150 * MIB, below="/init.scope")
    with pytest.raises(EngineRefused):
        machine.shrunk(128 * MIB)


@pytest.mark.parametrize(
    "path", [f"/system.slice/docker-{'b' * 64}.scope", f"/../system.slice/docker-{ID}.scope"]
)
def test_where_the_group_is_out_of_reach_the_engine_s_reading_decides(tmp_path: Path, path: str) -> None:
    machine = Machine(tmp_path).made(uses=MIB)
    (tmp_path / "proc" / "7" / "cgroup").write_text(f"0::{path}\n")
    with pytest.raises(EngineRefused, match="use 200Mi"):
        machine.shrunk(199 * MIB)
    assert machine.shrunk(200 * MIB) == "max"
    assert machine.stats_asked == 2


def test_a_group_that_somebody_inside_has_named_in_no_encoding_is_no_obstacle(tmp_path: Path) -> None:
    machine = Machine(tmp_path).made(uses=100 * MIB)
    (tmp_path / "proc" / "7" / "cgroup").write_bytes(f"0::{machine.path}/".encode() + b"\xff\n")
    assert machine.shrunk(128 * MIB) == str(shrinking.eased(128 * MIB))
