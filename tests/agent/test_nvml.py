"""GPUs through nvidia-ml-py, on a library that stands in for the driver's: what it tells, and how it fails.

In real time: a driver that hangs keeps a thread, and simulated time would not wait for it.
"""

import asyncio
import importlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kohakuriver.agent.machine.gpus import GPU, Devices
from kohakuriver.agent.machine.inventory import WithoutLibrary, inventory
from kohakuriver.agent.machine.nvml import NVML, Patient
from tests.agent.agent_kit import PATIENCE, Node, a_manifest, a_node
from tests.agent.nvml_kit import LOST, MISMATCH, NOT_SUPPORTED, Driver, compiled, gpu, load, needs_compiler
from tests.agent.placement_kit import condition, status_of_node

pytest.importorskip("pynvml", reason="no nvidia-ml-py here: make setup")
pytestmark = needs_compiler
A, B = gpu("GPU-a"), gpu("GPU-b", bus="00000000:CA:00.0")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def driver(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    load(library)
    monkeypatch.setenv("NVML_WORLD", str(tmp_path / "nvml.world"))
    driver = Driver(tmp_path / "nvml.world")
    driver.write(A, B)
    yield driver
    driver.write()  # nothing hangs any more


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Of a machine with NVIDIA's module and a GPU close to each of two NUMA nodes."""
    for pci, numa in (("0000:65:00.0", 0), ("0000:ca:00.0", 1), ("10000:01:00.0", -1)):
        folder = tmp_path / "sys/bus/pci/devices" / pci
        folder.mkdir(parents=True)
        (folder / "numa_node").write_text(f"{numa}\n")
    (tmp_path / "sys/module/nvidia").mkdir(parents=True)
    return tmp_path / "sys"


def devices(sysfs: Path, *, patience: float = 60.0) -> Devices:
    library = NVML(importlib.import_module("pynvml"), sysfs)
    return Devices(Patient(library, patience=patience), simulated=False, changed=lambda: None)


async def seen(sysfs: Path) -> Devices:
    found = devices(sysfs)
    await found.refresh()
    return found


async def test_each_gpu_is_read_with_the_numa_node_it_is_close_to(driver: Driver, sysfs: Path) -> None:
    found = await seen(sysfs)
    assert found.found == (
        GPU(0, "GPU-a", "NVIDIA-A100", 40 << 30, 0),
        GPU(1, "GPU-b", "NVIDIA-A100", 40 << 30, 1),
    )
    assert found.are_real and found.trouble == ""


async def test_a_pci_domain_of_five_digits_and_no_numa_node(driver: Driver, sysfs: Path) -> None:
    driver.write(gpu("GPU-a", bus="00010000:01:00.0"))
    assert [one.numa for one in (await seen(sysfs)).found] == [None]


async def test_a_gpu_without_memory_of_its_own_is_well(driver: Driver, sysfs: Path) -> None:
    driver.write(gpu("GPU-a", memory_code=NOT_SUPPORTED))
    (found,) = (await seen(sysfs)).found
    assert found.healthy and found.memory is None


async def test_a_lost_gpu_is_named_and_the_others_go_on(driver: Driver, sysfs: Path) -> None:
    found = await seen(sysfs)
    driver.write(gpu("GPU-a", code=LOST), B)
    await found.refresh()
    assert [(one.uuid, one.healthy) for one in found.found] == [("GPU-a", False), ("GPU-b", True)]
    assert found.wrong("GPU-a", node="n1") == "GPU GPU-a (index 0) of n1 is not healthy: GPU is lost"
    assert found.wrong("GPU-b", node="n1") == ""
    assert found.trouble == "GPU 0 (GPU-a) is not healthy: GPU is lost"


async def test_a_gpu_that_is_back_is_well_again(driver: Driver, sysfs: Path) -> None:
    found = await seen(sysfs)
    driver.write(gpu("GPU-a", code=LOST), B)
    await found.refresh()
    driver.write(A, B)
    await found.refresh()
    assert [one.healthy for one in found.found] == [True, True] and found.trouble == ""


async def test_a_gpu_lost_before_the_agent_started_is_not_made_up(driver: Driver, sysfs: Path) -> None:
    driver.write(gpu("GPU-a", code=LOST), B)
    assert [one.uuid for one in (await seen(sysfs)).found] == ["GPU-b"]


async def test_a_gpu_taken_out_leaves_its_index_to_another(driver: Driver, sysfs: Path) -> None:
    found = await seen(sysfs)
    driver.write(B)
    await found.refresh()
    assert [(one.index, one.uuid) for one in found.found] == [(0, "GPU-b")]
    assert found.wrong("GPU-a", node="n1") == "GPU GPU-a is gone from n1"


async def test_a_library_that_is_not_the_drivers_is_said_in_words(driver: Driver, sysfs: Path) -> None:
    driver.write(A, B, init=MISMATCH)
    found = await seen(sysfs)
    assert found.found == ()
    assert found.trouble.startswith("NVIDIA's driver cannot be asked: ") and "mismatch" in found.trouble
    assert found.wrong("GPU-a", node="n1").startswith("whether n1 has GPU GPU-a cannot be told: ")


async def test_a_driver_replaced_under_the_agent_keeps_its_gpus_unhealthy(
    driver: Driver, sysfs: Path
) -> None:
    found = await seen(sysfs)
    driver.write(A, B, init=MISMATCH)
    await found.refresh()
    assert [(one.uuid, one.healthy) for one in found.found] == [("GPU-a", False), ("GPU-b", False)]
    driver.write(A, B)
    await found.refresh()
    assert all(one.healthy for one in found.found)


async def test_a_driver_that_is_loaded_later_is_found(driver: Driver, sysfs: Path, tmp_path: Path) -> None:
    driver.file.unlink()
    (sysfs / "module/nvidia").rmdir()
    found = await seen(sysfs)
    assert found.found == () and found.trouble == ""
    driver.write(A)
    await found.refresh()
    assert [one.uuid for one in found.found] == ["GPU-a"]


async def test_a_driver_that_hangs_is_waited_for_once(driver: Driver, sysfs: Path) -> None:
    found = devices(sysfs, patience=0.2)
    while not found.found:
        await found.refresh()
    driver.write(A, B, "hang")
    await found.refresh()
    assert found.trouble == "NVIDIA's driver does not answer"
    assert [one.healthy for one in found.found] == [False, False]
    await found.refresh()  # at once: nobody waits for what was not answered before
    driver.write(A, B)
    while found.trouble:
        await found.refresh()
    assert [one.healthy for one in found.found] == [True, True]


def test_a_machine_without_the_library_has_no_gpus_and_one_with_half_a_driver_says_so(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from kohakuriver.agent.machine.inventory import inventory;"
        "print(inventory(None, sysfs=pathlib.Path(sys.argv[1])).read())"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    without = subprocess.run(command, check=True, capture_output=True, text=True)
    assert without.stdout == "()\n"
    (tmp_path / "module/nvidia").mkdir(parents=True)
    half = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "NVIDIA's driver cannot be asked: NVML Shared Library Not Found" in half.stderr


def test_an_agent_without_the_extra_says_how_to_get_it_where_there_is_a_driver(sysfs: Path) -> None:
    with pytest.raises(OSError, match=f"{re.escape(sys.executable)} -m pip install nvidia-ml-py"):
        WithoutLibrary(sysfs).read()
    assert WithoutLibrary(sysfs / "nowhere").read() == ()


def test_an_agent_whose_driver_hangs_can_end(library: Path, driver: Driver, sysfs: Path) -> None:
    driver.write("hang")
    program = (
        "import asyncio, importlib, pathlib, sys; from kohakuriver.agent.machine import gpus, nvml;"
        "found = nvml.NVML(importlib.import_module('pynvml'), pathlib.Path(sys.argv[1]));"
        "found = gpus.Devices(nvml.Patient(found, patience=0.1), simulated=False, changed=lambda: None);"
        "asyncio.run(found.refresh()); print(found.trouble)"
    )
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(sysfs)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.stdout == "NVIDIA's driver does not answer\n"


@pytest.fixture
async def node(driver: Driver, sysfs: Path, tmp_path: Path) -> AsyncIterator[Node]:
    async with a_node(tmp_path / "agent", sysfs=sysfs) as node:
        yield node


async def until_gpus_ready(node: Node, wanted: str) -> dict[str, str]:
    """The condition once it is so; a pass is asked for in place of waiting for the next."""
    async with asyncio.timeout(PATIENCE):
        while True:
            assert node.agent is not None
            node.agent.node.look()
            found = condition({"status": await status_of_node(node)}, "GPUsReady")
            if found.get("status") == wanted:
                return dict(found)
            await asyncio.sleep(0.05)


async def test_the_node_shows_its_gpus_and_says_which_is_lost(driver: Driver, node: Node) -> None:
    await until_gpus_ready(node, "True")
    shown = (await status_of_node(node))["gpus"]
    assert [(one["uuid"], one["numa"], one["memory"]) for one in shown] == [
        ("GPU-a", 0, "40Gi"),
        ("GPU-b", 1, "40Gi"),
    ]
    driver.write(gpu("GPU-a", code=LOST), B)
    assert (await until_gpus_ready(node, "False"))["message"] == "GPU 0 (GPU-a) is not healthy: GPU is lost"
    assert [one["healthy"] for one in (await status_of_node(node))["gpus"]] == [False, True]


async def test_a_node_whose_driver_hangs_stays_alive_and_runs_its_vpses(driver: Driver, node: Node) -> None:
    await until_gpus_ready(node, "True")
    driver.write(A, B, "hang")
    found = await until_gpus_ready(node, "False")
    assert found["message"] == "NVIDIA's driver does not answer"
    await node.place(a_manifest("dev"))
    await node.until("dev", phase="running")


def test_the_inventory_of_a_machine_is_nvidias_driver(driver: Driver, sysfs: Path) -> None:
    assert [one.uuid for one in inventory(None, sysfs=sysfs).read()] == ["GPU-a", "GPU-b"]
