"""The data directory of a cluster is lost with all that ran from it, and comes back from a backup.

One cluster, one VPS that runs all the while. Each test takes on where the one before left off.
"""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import docker
import pytest

from kohakuriver.cli.local.backups import staging
from kohakuriver.cli.local.run_state import read
from tests.e2e.conftest import BIN, Cluster, Result, a_manifest, containers, eventually

OWN = ("-n", "team-a")


def _is_quarantined(cluster: Cluster) -> bool:
    return "Quarantined" in cluster.ok("node", "list")


def _lose_everything(cluster: Cluster) -> None:
    """As a disk that dies: nobody says goodbye, nothing is left."""
    state = read(cluster.data_dir / "run.json")
    assert state is not None
    for process in (state.supervisor, *state.programs.values()):
        process.send(signal.SIGKILL)
        assert process.wait_gone(10)
    shutil.rmtree(cluster.data_dir)


def _as(cluster: Cluster, config: Path, *words: str) -> Result:
    return cluster.cli(*words, KOHAKURIVER_CONFIG=str(config))


def _container(cluster: Cluster, engine: docker.APIClient, name: str) -> dict[str, Any]:
    [found] = containers(engine, name, of=cluster)
    return {"id": found["Id"], "state": found["State"], "created": found["Created"]}


@pytest.fixture(scope="module")
def backup(cluster: Cluster) -> Path:
    """Of a cluster with a VPS that wrote a file, a Node, a namespace, and a person with a token."""
    cluster.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: team-a}\n")
    cluster.ok("token", "create", "--user", "alice", *OWN, "--kubeconfig", cluster.folder / "alice.config")
    cluster.apply(a_manifest("dev"))
    cluster.wait_running("dev")
    cluster.ok("exec", "dev", "--", "sh", "-c", "echo mine >/root/file")
    file = cluster.folder / "river.tar"
    done = cluster.cli("backup", file, *_where(cluster))
    assert done.code == 0, done.text
    assert "it holds every secret of this cluster" in done.err
    assert "no keys of encryption at rest are inside" in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    return file


def _where(cluster: Cluster) -> tuple[str, ...]:
    return "--data-dir", str(cluster.data_dir)


def test_a_cluster_that_runs_is_not_replaced(cluster: Cluster, backup: Path) -> None:
    done = cluster.cli("restore", backup, "--to", cluster.data_dir, "--replace")
    assert done.code == 1
    assert "runs, and nothing was changed" in done.err and "kohakuriver down" in done.err
    assert not staging.place(cluster.data_dir).exists()
    assert cluster.phase("dev") == "running"


@pytest.mark.fault(39)
def test_what_was_lost_is_back_and_what_ran_runs_on(
    cluster: Cluster, backup: Path, engine: docker.APIClient
) -> None:
    before = cluster.get("dev")
    container = _container(cluster, engine, "dev")
    cluster_id = (cluster.data_dir / "cluster-id").read_text()
    cluster.apply(a_manifest("later"))  # after the backup
    cluster.wait_running("later")
    later = _container(cluster, engine, "later")
    _lose_everything(cluster)

    told = cluster.ok("restore", backup, "--to", cluster.data_dir)
    assert f"kohakuriver up --detach --data-dir {cluster.data_dir}" in told
    cluster.up()

    eventually(lambda: _is_quarantined(cluster))
    assert (cluster.data_dir / "cluster-id").read_text() == cluster_id
    after = cluster.get("dev")
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    assert _as(cluster, cluster.folder / "alice.config", "vps", "list", *OWN).code == 0
    node = cluster.ok("node", "list", "--no-headers").split()[0]
    eventually(lambda: "kohakuriver vps adopt later" in cluster.ok("node", "status", node))

    cluster.apply(a_manifest("later"))
    cluster.ok("vps", "adopt", "later")
    cluster.ok("node", "accept", node)
    eventually(lambda: not _is_quarantined(cluster))
    assert cluster.ok("exec", "dev", "--", "cat", "/root/file") == "mine\n"
    assert _container(cluster, engine, "dev") == container
    assert _container(cluster, engine, "later") == later
    assert cluster.phase("dev") == cluster.phase("later") == "running"


def test_a_directory_keeps_as_many_as_it_is_told_and_a_killed_backup_leaves_none_that_is_half(
    cluster: Cluster, backup: Path
) -> None:
    folder = cluster.folder / "backups"
    for moment in (0.4, 1.2, 2.4, 4.0):
        child = subprocess.Popen(
            [BIN / "kohakuriver", "backup", f"{folder}/", *_where(cluster)],
            env=cluster.environment(),
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moment)
        child.kill()
        child.wait()
        whole = sorted(folder.glob("*.tar")) if folder.exists() else []
        assert not whole or cluster.cli("restore", "--check", *whole).code == 0
    for _ in range(2):
        cluster.ok("backup", f"{folder}/", "--keep", "2", *_where(cluster))
    names = sorted(one.name for one in folder.iterdir())
    assert len(names) <= 2 and all(name.endswith(".tar") for name in names)
    assert backup.exists()


def test_a_full_disk_leaves_what_is_there(cluster: Cluster, backup: Path) -> None:
    disk = cluster.folder / "disk"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        _fill(disk / "fills")
        done = cluster.cli("backup", disk / "river.tar", *_where(cluster))
        assert done.code == 1
        assert "No space left on device" in done.err
        assert not list(disk.glob("*.part"))
        done = _restore(cluster, backup, disk / "cluster")
        assert done.code == 1 and "nothing was restored: No space left on device" in done.err
        assert [one.name for one in disk.iterdir()] == ["fills"]

        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)  # too little for etcd alone
        done = _restore(cluster, backup, disk / "cluster")
        assert done.code == 1 and "etcd did not start" in done.err
        assert [one.name for one in disk.iterdir()] == ["fills"]
    finally:
        subprocess.run(["umount", disk], check=True)


def _fill(file: Path) -> None:
    with file.open("ab", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            return


def _restore(cluster: Cluster, backup: Path, target: Path, *words: str) -> Result:
    """In a state folder of its own: this cluster is on the machine too, and nothing of the other one runs."""
    state = str(cluster.folder / "other-state")
    return cluster.cli("restore", backup, "--to", target, *words, XDG_STATE_HOME=state)


def test_a_restore_that_is_killed_anywhere_has_changed_nothing_or_all_and_is_done_again(
    cluster: Cluster, backup: Path
) -> None:
    target = cluster.folder / "other" / "cluster"
    environment = cluster.environment(XDG_STATE_HOME=str(cluster.folder / "other-state"))
    for moment in (0.4, 1.0, 2.0, 3.5, 5.5):
        child = subprocess.Popen(
            [BIN / "kohakuriver", "restore", backup, "--to", target],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(moment)
        child.kill()
        child.wait()
        if target.exists():
            assert (target / "etcd").is_dir() and (target / "options.json").is_file()
            assert not staging.place(target).exists()
            shutil.rmtree(target)
    assert _restore(cluster, backup, target).code == 0
    assert {one.name for one in target.parent.iterdir()} == {"cluster"}

    done = _restore(cluster, backup, target)
    assert done.code == 1 and "holds a cluster already" in done.err
    (target / "mark").touch()
    done = _restore(cluster, backup, target, "--replace")
    assert done.code == 0
    [aside] = target.parent.glob("cluster.replaced-*")
    assert str(aside) in done.out and (aside / "mark").exists() and not (target / "mark").exists()
