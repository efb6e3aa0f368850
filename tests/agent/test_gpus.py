"""GPUs as they come and go."""

from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.agent.machine.gpus import Devices
from kohakuriver.agent.machine.inventory import FileInventory, inventory
from kohakuriver.agent.runtime import translate
from kohakuriver.agent.runtime.base import ContainerSpec, Limits
from tests.agent import placement_kit


def devices(file: Path, changes: list[int]) -> Devices:
    return Devices(FileInventory(file), simulated=True, changed=lambda: changes.append(1))


async def test_a_gpu_that_is_gone_or_sick_is_named(tmp_path: Path) -> None:
    file = placement_kit.gpus(tmp_path / "gpus.json", "GPU-a", "GPU-b")
    changes: list[int] = []
    found = devices(file, changes)
    await found.refresh()
    await found.refresh()
    assert len(changes) == 1 and found.wrong("GPU-a", node="n1") == ""
    placement_kit.gpus(file, "GPU-b", healthy=False)
    await found.refresh()
    assert found.wrong("GPU-a", node="n1") == "GPU GPU-a is gone from n1"
    assert found.wrong("GPU-b", node="n1") == "GPU GPU-b (index 0) of n1 is not healthy"


async def test_where_nobody_can_tell_the_gpus_stay_and_are_given_to_nobody(tmp_path: Path) -> None:
    file = placement_kit.gpus(tmp_path / "gpus.json", "GPU-a")
    found = devices(file, [])
    await found.refresh()
    file.unlink()
    await found.refresh()
    assert [(gpu.uuid, gpu.healthy) for gpu in found.found] == [("GPU-a", False)]
    assert not found.are_told and "cannot be told" in found.wrong("GPU-b", node="n1")
    placement_kit.gpus(file, "GPU-a")
    await found.refresh()
    assert found.are_told


def test_simulated_gpus_are_no_devices_to_ask_the_engine_for(tmp_path: Path) -> None:
    assert not devices(placement_kit.gpus(tmp_path / "gpus.json", "GPU-a"), []).are_real


def test_a_file_that_is_no_inventory_is_refused_with_an_example(tmp_path: Path) -> None:
    (tmp_path / "gpus.json").write_text('[{"index": 0}]')
    with pytest.raises(errors.ConfigError) as caught:
        inventory(tmp_path / "gpus.json", sysfs=Path("/sys"))
    assert '"uuid": "GPU-0"' in caught.value.hint


def test_the_engine_is_asked_for_devices_by_uuid() -> None:
    spec = ContainerSpec(
        name="x",
        image="y",
        hostname="x",
        labels={},
        limits=Limits(1000, 1 << 30),
        network="n",
        gpus=("GPU-1f2e",),
    )
    (request,) = translate.host_config(spec)["DeviceRequests"]
    assert request == {"DeviceIDs": ["GPU-1f2e"], "Capabilities": [["gpu"]]}
