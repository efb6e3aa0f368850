"""Where the files of a container lie: as the engine says it, or as the kernel has them mounted."""

from pathlib import Path
from typing import Any

import pytest

from kohakuriver.agent.runtime import translate
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.runtime.layers import Layers, mounted

ID, OTHER = "ab" * 32, "cd" * 32
ROOT = "/var/lib/docker/rootfs/overlayfs"
SNAPSHOTS = "/var/lib/docker/containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots"
# Docker 28.5.2 with containerd's store: what a running container has in /proc/self/mountinfo.
REAL = (
    f"72 68 0:41 / {ROOT}/{ID} rw,relatime shared:3 - overlay overlay "
    f"rw,lowerdir={SNAPSHOTS}/41/fs:{SNAPSHOTS}/1/fs,upperdir={SNAPSHOTS}/42/fs,workdir={SNAPSHOTS}/42/work"
)
# And what the engine says of it.
SILENT: dict[str, Any] = {"Id": ID, "Driver": "overlayfs", "GraphDriver": {"Data": None, "Name": "overlayfs"}}
SPEAKS: dict[str, Any] = {
    "Id": ID,
    "GraphDriver": {
        "Name": "overlay2",
        "Data": {"UpperDir": "/o/c/diff", "LowerDir": "/o/i/diff:/o/l/1:/o/l/2"},
    },
    "Mounts": [{"Type": "volume", "Source": "/v/home"}, {"Type": "bind", "Source": "/etc"}],
}
FOUND = (f"{SNAPSHOTS}/42/fs", f"{SNAPSHOTS}/41/fs", f"{SNAPSHOTS}/1/fs")


@pytest.mark.parametrize(
    "options",
    [
        f"rw,lowerdir={SNAPSHOTS}/41/fs:{SNAPSHOTS}/1/fs,upperdir={SNAPSHOTS}/42/fs",
        f"rw,lowerdir=41/fs:1/fs,upperdir={SNAPSHOTS}/42/fs",
        f"rw,lowerdir+={SNAPSHOTS}/41/fs,lowerdir+={SNAPSHOTS}/1/fs,upperdir={SNAPSHOTS}/42/fs",
    ],
    ids=["whole", "shortened by containerd", "one by one"],
)
def test_every_way_to_write_layers_is_read(options: str) -> None:
    assert mounted(f"72 68 0:41 / {ROOT}/{ID} rw - overlay overlay {options}", ID) == FOUND


def test_blanks_in_a_path_are_read_as_the_kernel_writes_them() -> None:
    options = "rw,lowerdir=/my\\040disk/1,upperdir=/my\\040disk/2/fs"
    assert mounted(f"72 68 0:41 / /my\\040disk/{ID} rw - overlay overlay {options}", ID) == (
        "/my disk/2/fs",
        "/my disk/1",
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        f"72 68 0:41 / {ROOT}/{ID} rw,relatime",
        f"72 68 0:41 / {ROOT}/{ID} rw - tmpfs tmpfs rw",
        f"72 68 0:41 / {ROOT}/{ID} rw - overlay overlay rw,lowerdir=/a:/b",
        f"72 68 0:41 / {ROOT}/{ID}/merged rw - overlay overlay rw,lowerdir=/a,upperdir=/b/c/d",
        f"72 68 0:41 / {ROOT}/x{ID} rw - overlay overlay rw,lowerdir=/a,upperdir=/b/c/d",
    ],
)
def test_what_is_no_overlay_of_that_container_is_passed_over(line: str) -> None:
    assert mounted(f"{line}\n{REAL}", OTHER) == ()
    assert mounted(line, ID) == ()


def test_of_two_that_differ_neither_is_believed() -> None:
    other = f"73 68 0:42 / /mine/{ID} rw - overlay overlay rw,lowerdir=/a,upperdir=/etc/b/c"
    assert mounted(f"{other}\n{REAL}", ID) == mounted(f"{REAL}\n{other}", ID) == ()
    assert mounted(f"{REAL}\n{REAL}", ID) == FOUND, "seen twice through a shared mount"


def test_an_engine_that_says_it_is_believed(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "none").of(SPEAKS)
    assert translate.folders(SPEAKS, layers, carried=0) == ("/o/c/diff", "/v/home")
    assert translate.folders(SPEAKS, layers, carried=1) == ("/o/c/diff", "/o/l/1", "/v/home")
    assert translate.folders(SPEAKS, layers, carried=9) == ("/o/c/diff", "/o/l/1", "/o/l/2", "/v/home")


def test_of_another_the_mounts_are_read_and_remembered_until_the_container_is_gone(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:20 / / rw - ext4 /dev/sda rw\n{REAL}\n")
    layers = Layers(mounts)
    assert layers.of(SILENT) == FOUND
    mounts.write_text("")
    assert layers.of(SILENT) == FOUND
    layers.forget(ID)
    with pytest.raises(EngineRefused, match="overlayfs does not say where the files of a container lie"):
        layers.of(SILENT)
