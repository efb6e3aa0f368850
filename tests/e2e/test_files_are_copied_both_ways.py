"""`kohakuriver cp` on a real container: equal digests both ways, folders, modes, and nothing outside the
VPS."""

import contextlib
import hashlib
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Cluster, a_manifest, containers, eventually


@pytest.fixture(scope="module")
def dev(cluster: Cluster) -> Cluster:
    """A cluster with a running VPS `filed` of an image that has next to nothing in it."""
    cluster.apply(a_manifest("filed", memory="128Mi"))
    cluster.wait_running("filed")
    return cluster


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_large_file_comes_back_as_it_went(dev: Cluster, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(1 << 20))
    (tmp_path / "large").chmod(0o640)
    dev.ok("cp", tmp_path / "large", "filed:/tmp/large")
    dev.ok("cp", "filed:/tmp/large", tmp_path / "back")
    assert digest(tmp_path / "back") == digest(tmp_path / "large")
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o640


def test_a_folder_of_many_small_files_comes_back_as_it_went(dev: Cluster, tmp_path: Path) -> None:
    (tmp_path / "many/deep").mkdir(parents=True)
    for number in range(2000):
        (tmp_path / f"many/deep/{number}").write_text(f"file {number}\n")
    (tmp_path / "many/link").symlink_to("deep/7")
    dev.ok("cp", tmp_path / "many", "filed:/srv-many")
    dev.ok("cp", "filed:/srv-many", tmp_path / "back")
    same = subprocess.run(
        ["diff", "-r", tmp_path / "many", tmp_path / "back"], capture_output=True, check=False
    )
    assert same.returncode == 0, same.stdout


def test_what_is_copied_belongs_to_root_and_lies_in_the_container(
    dev: Cluster, tmp_path: Path, engine
) -> None:
    (tmp_path / "notes").write_text("mine")
    dev.ok("cp", tmp_path / "notes", "filed:")
    (container,) = containers(engine, "filed")
    exec_id = engine.exec_create(container["Id"], ["sh", "-c", "cd; stat -c '%u %g %a' notes; cat notes"])[
        "Id"
    ]
    assert engine.exec_start(exec_id).decode().split() == ["0", "0", "644", "mine"]


def test_a_link_in_the_container_never_leads_to_the_node(dev: Cluster, tmp_path: Path, engine) -> None:
    (container,) = containers(engine, "filed")
    command = "ln -s /proc/1/root/etc/hostname /tmp/a; ln -s ../../../../../../etc/shadow /tmp/b"
    engine.exec_start(engine.exec_create(container["Id"], ["sh", "-c", command])["Id"])
    for name in ("a", "b"):
        result = dev.cli("cp", f"filed:/tmp/{name}", tmp_path / "x")
        assert result.code == 1 and f"/tmp/{name}: " in result.err, result.text
        assert not (tmp_path / "x").exists()


def test_what_is_mounted_into_a_container_can_be_written_over(dev: Cluster, tmp_path: Path) -> None:
    dev.ok("cp", "filed:/etc/hosts", tmp_path / "hosts")
    with (tmp_path / "hosts").open("a") as file:
        file.write("127.0.0.1 mine\n")
    dev.ok("cp", tmp_path / "hosts", "filed:/etc/hosts")
    dev.ok("cp", "filed:/etc/hosts", tmp_path / "again")
    assert (tmp_path / "again").read_text().endswith("127.0.0.1 mine\n")


def test_no_helper_outlives_its_copy(dev: Cluster) -> None:
    eventually(lambda: not helpers_of(dev))  # the last one may be about to end


def helpers_of(dev: Cluster) -> list[Path]:
    """The files helpers of this cluster's agent that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            is_helper = b"kohakuriver.agent.streams.files.helper" in path.read_bytes()
            if is_helper and str(dev.folder).encode() in (path.parent / "environ").read_bytes():
                found.append(path)
    return found


def test_a_stopped_vps_says_what_to_do(dev: Cluster, tmp_path: Path) -> None:
    dev.ok("vps", "stop", "filed")
    result = dev.cli("cp", "filed:/etc/hosts", tmp_path / "x")
    assert (
        result.code == 1 and "filed is stopped" in result.err and "kohakuriver vps start filed" in result.err
    )
