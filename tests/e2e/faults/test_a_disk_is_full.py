"""A third machine whose engine keeps everything on a small disk of its own, and that fills up; and a small
disk below an agent's own folder, which fills up or can no longer be written."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

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

    eventually(lambda: bed.condition("n3", "DiskPressure")["status"] == "True")
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

    eventually(lambda: bed.condition("n3", "DiskPressure")["status"] == "False")
    bed.until("pinned", "running")
    assert node.container("calm")["State"] == before


FILLS = {
    "bytes": "dd if=/dev/zero of=/filling bs=1M count=100 2>/dev/null",
    "files": "mkdir /filling && cd /filling && seq 1 11000 | xargs touch",
}
"""More than 64Mi of disk allow, which are 10,000 files too."""


@pytest.mark.fault(69)
def test_a_vps_that_fills_its_disk_is_stopped_with_a_reason_and_its_neighbour_is_not_hurt(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("calm")
    before = node.container("calm")["State"]
    resources = bed.get("calm")["spec"]["resources"]
    for name, deed in FILLS.items():
        command = ["sh", "-c", f"{deed}; sleep 1000000"]
        limits = {**resources, "disk": "64Mi"}
        bed.create(name, placement={"node": "n1"}, resources=limits, command=command)
    for name, told in (("bytes", "of disk, and"), ("files", "files, and")):
        status = bed.until(name, "stopped")["status"]
        assert status["reason"] == "DiskLimitExceeded"
        assert told in status["message"]
    assert node.container("calm")["State"] == before
    assert bed.is_ready("n1")
    assert bed.condition("n1", "DiskPressure")["status"] == "False"


@pytest.fixture
def tight(bed: Bed, tmp_path: Path) -> Iterator[Path]:
    """The folder of n1's agent, on a small disk of its own."""
    node, folder = bed.nodes["n1"], bed.folder / "agent-n1"
    node.agent.kill()
    kept = shutil.copytree(folder, tmp_path / "before")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        node.agent.start()
        yield folder
    finally:
        node.agent.kill()
        subprocess.run(["umount", folder], check=True)
        node.agent.start()


@pytest.mark.fault(60)
@pytest.mark.parametrize(("how", "why"), [("full", "DiskFull"), ("read-only", "ReadOnly")])
def test_an_agent_that_cannot_write_stops_and_deletes_and_lives_on(bed: Bed, tight: Path, how: str, why: str):
    node = bed.nodes["n1"]
    for name in ("calm", "halted", "gone", "again"):
        bed.running(name)
    before, run = node.container("calm")["State"], node.container("again")["State"]["StartedAt"]
    refuse(bed, tight, how)
    bed.patch("halted", runState="Stopped")
    bed.delete("gone")
    bed.patch("again", restartRequest="once")

    bed.until("halted", "stopped")
    eventually(lambda: not bed.exists("gone"))
    if how == "full":  # the journal has some room of its own
        eventually(lambda: node.container("again")["State"]["StartedAt"] != run)
    else:
        eventually(lambda: str(tight) in bed.message("again"))
        assert not node.container("again")["State"]["Running"]
    assert [one["State"] for one in node.containers("gone")] == []
    eventually(lambda: bed.condition("n1", "DataDirWritable")["reason"] == why)
    assert str(tight) in bed.condition("n1", "DataDirWritable")["message"]
    assert bed.is_ready("n1")

    take(bed, tight, how)
    bed.until("again", "running")
    assert node.container("again")["State"]["StartedAt"] != run
    eventually(lambda: bed.condition("n1", "DataDirWritable")["status"] == "True")
    assert bed.phase("halted") == "stopped"
    assert node.container("calm")["State"] == before
    assert node.agent.is_alive


def refuse(bed: Bed, folder: Path, how: str) -> None:
    """Let nothing be written below the folder any more."""
    if how == "full":
        with (folder / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
    else:  # what is open for writing keeps a disk from it, but where the kernel does it itself
        bed.nodes["n1"].agent.kill()
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        bed.nodes["n1"].agent.start()


def take(bed: Bed, folder: Path, how: str) -> None:
    """Let it be written again."""
    if how == "full":
        (folder / "filling").unlink()
    else:  # as the agent sees it, whose mounts are its own
        seen = ["nsenter", f"--target={bed.nodes['n1'].agent.pid}", "--mount"]
        subprocess.run([*seen, "mount", "-o", "remount,rw", folder], check=True)
