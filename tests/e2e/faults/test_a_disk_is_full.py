"""A third machine whose engine keeps everything on a small disk of its own, and that fills up."""

import shutil
from collections.abc import Iterator

import docker
import pytest

from tests.e2e import machines
from tests.e2e.conftest import BUSYBOX, eventually
from tests.e2e.machines import Machine
from tests.e2e.nodes import Bed

DISK = 3 << 30  # bytes, of which next to none is ever used: the file behind it has holes


@pytest.fixture
def small(engine: docker.APIClient, two_machines: list[Machine]) -> Iterator[Bed]:
    """A cluster of one node with a small disk."""
    network = two_machines[0].address.rpartition(".")[0]
    machine = Machine("n3", network=network, number=4, disk=DISK)
    try:
        machine.start()
        client = machine.client()
        list(client.load_image(b"".join(engine.get_image(BUSYBOX))))
        client.close()
        bed = Bed(machines.run_folder() / "bed-small", [machine])
        try:
            bed.start()
            yield bed
        finally:
            bed.stop()
    finally:
        machine.remove()


@pytest.mark.fault(20)
def test_a_full_disk_is_said_and_takes_nothing_new_and_hurts_nobody(small: Bed):
    bed, node = small, small.nodes["n3"]
    bed.running("calm", node="n3")
    before = node.container("calm")["State"]
    assert bed.condition("n3", "DiskPressure")["status"] == "False"

    filling = node.machine.folder / "docker" / "filling"
    free = shutil.disk_usage(filling.parent).free
    with filling.open("wb") as file:
        file.truncate(0)
        machines.allocate(file, free - (256 << 20))

    eventually(lambda: bed.condition("n3", "DiskPressure")["status"] == "True", within=45)
    assert "free on" in bed.condition("n3", "DiskPressure")["message"]
    bed.create("pinned", placement={"node": "n3"})
    eventually(lambda: "disk" in bed.message("pinned"))
    assert bed.phase("pinned") == "pending"

    with filling.open("ab") as file:
        machines.allocate(file, shutil.disk_usage(filling.parent).free)
    node.agent.kill()
    node.agent.start()
    bed.until("calm", "running")
    assert node.container("calm")["State"] == before
    filling.unlink()

    eventually(lambda: bed.condition("n3", "DiskPressure")["status"] == "False", within=45)
    bed.until("pinned", "running")
    assert node.container("calm")["State"] == before
