"""Where a backup may go, and that its place has all of it or nothing of it."""

import contextlib
import datetime
from pathlib import Path

import pytest

from kohakuriver import errors, private_file
from kohakuriver.cli.local import cluster_options, neighbours
from kohakuriver.cli.local.backups import manifest, restoring, staging
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.cli.main import run
from tests.cli.backups.kit import CLUSTER, a_backup, a_manifest, contents

PROJECT = Path(__file__).parents[3]
NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
SETTINGS = {"cluster.env": b"ETCD_ENDPOINTS=https://10.0.0.1:2379\n", "server.key": b"secret"}


@pytest.fixture(autouse=True)
def own_home(home):
    return home


def a_cluster(root, cluster=CLUSTER) -> ClusterFiles:
    files = ClusterFiles(root)
    files.claim()
    cluster_options.save(files.options, Options(node="n1"))
    private_file.write(root / "cluster-id", cluster)
    return files


def refused(target, *, replace=False, kind=manifest.UP) -> str:
    with contextlib.ExitStack() as stack, pytest.raises(errors.ConfigError) as told:
        restoring.check_place(target, a_manifest(kind=kind), replace=replace, stack=stack)
    return told.value.in_one_message


def test_where_there_is_data_nothing_is_put_unless_it_is_to_be_set_aside(tmp_path):
    files = a_cluster(tmp_path / "cluster")
    assert "holds a cluster already, and nothing was changed; --replace" in refused(files.root)
    with contextlib.ExitStack() as stack:
        restoring.check_place(files.root, a_manifest(), replace=True, stack=stack)
        with files.locked() as free:
            assert not free  # nobody can start it meanwhile


def test_a_cluster_that_runs_is_never_replaced(tmp_path):
    files = a_cluster(tmp_path / "cluster")
    with files.locked():
        told = refused(files.root, replace=True)
    assert "runs, and nothing was changed; stop it" in told
    assert f"kohakuriver down --data-dir {files.root}" in told


def test_a_cluster_of_which_only_a_part_is_left_can_be_replaced(tmp_path):
    private_file.write(tmp_path / "cluster" / "pki" / "ca.key", "x")
    with contextlib.ExitStack() as stack:
        restoring.check_place(tmp_path / "cluster", a_manifest(), replace=True, stack=stack)
    assert "holds a cluster already" in refused(tmp_path / "cluster")


def test_the_folder_of_somebody_else_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("…")
    for kind in (manifest.UP, manifest.SETTINGS):
        assert "is not the folder of a cluster: it holds thesis.tex" in refused(
            tmp_path / "thesis", replace=True, kind=kind
        )


def test_an_empty_folder_and_what_a_refused_up_left_are_free(tmp_path):
    (tmp_path / "empty").mkdir()
    ClusterFiles(tmp_path / "begun").claim()
    for name in ("none", "empty", "begun"):
        with contextlib.ExitStack() as stack:
            restoring.check_place(tmp_path / name, a_manifest(), replace=False, stack=stack)


def test_two_of_one_cluster_on_one_machine_are_refused(tmp_path):
    files = a_cluster(tmp_path / "cluster")
    with neighbours.locked():
        neighbours.add(files.root)
    assert f"the cluster of this backup is in {files.root}" in refused(tmp_path / "other")
    a_cluster(tmp_path / "cluster", cluster="another")
    with contextlib.ExitStack() as stack:
        restoring.check_place(tmp_path / "other", a_manifest(), replace=False, stack=stack)


def test_what_was_there_is_set_aside_whole(tmp_path):
    files = a_cluster(tmp_path / "cluster")
    before = contents(files.root)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a").write_text("1")
    aside = staging.put(tmp_path / "new", files.root, set_aside=NOON)
    assert aside == tmp_path / "cluster.replaced-20261125T120000Z"
    assert (contents(aside), contents(files.root)) == (before, {"a": b"1"})
    (tmp_path / "newer").mkdir()
    assert (
        staging.put(tmp_path / "newer", files.root, set_aside=NOON)
        == tmp_path / "cluster.replaced-20261125T120000Z-2"
    )


def test_where_it_cannot_be_put_what_was_there_is_back(tmp_path):
    files = a_cluster(tmp_path / "cluster")
    before = contents(files.root)
    with pytest.raises(errors.ConfigError, match="nothing was restored"):
        staging.put(tmp_path / "missing", files.root, set_aside=NOON)
    assert contents(files.root) == before


def test_a_cluster_that_was_begun_there_meanwhile_is_left(tmp_path):
    (tmp_path / "new").mkdir()
    files = a_cluster(tmp_path / "cluster")
    before = contents(files.root)
    with pytest.raises(errors.ConfigError, match="nothing was restored"):
        staging.put(tmp_path / "new", files.root)
    assert contents(files.root) == before


def test_what_is_prepared_is_gone_where_it_was_not_put_and_what_a_killed_one_left_too(tmp_path):
    target = tmp_path / "cluster"
    private_file.write(staging.place(target) / "pki" / "ca.key", "left over")
    with pytest.raises(RuntimeError), staging.prepared(target) as staged:
        assert contents(staged.root).keys() == {"lock"}
        with pytest.raises(errors.ConfigError, match="another kohakuriver restore prepares"):
            stack = contextlib.ExitStack()
            stack.enter_context(staging.prepared(target))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_what_an_agent_knows_of_this_machine_is_taken_along(tmp_path):
    present, staged = tmp_path / "present", tmp_path / "staged"
    private_file.write(present / "agent" / "hostkeys" / "new", "key")
    private_file.write(present / "agent" / "environments" / "large", b"x" * 2_000_000)
    private_file.write(present / "agent" / "history.json", "{}")
    private_file.write(present / "agent" / "snapshots" / "uid" / "volume-data.tar", "files")
    private_file.write(staged / "agent" / "hostkeys" / "old", "key")
    staging.take_along(present, staged, restoring.OF_THE_PRESENT)
    assert set(contents(staged)) == {
        "agent/hostkeys/new", "agent/environments/large", "agent/snapshots/uid/volume-data.tar",
    }  # fmt: skip
    assert (staged / "agent/environments/large").samefile(present / "agent/environments/large")


def test_the_settings_of_a_machine_come_back_in_one_step(tmp_path, capsys):
    (tmp_path / "b.tar").write_bytes(a_backup(SETTINGS, kind=manifest.SETTINGS, keys="left out"))
    target = tmp_path / "etc" / "kohakuriver"
    assert run(["restore", str(tmp_path / "b.tar"), "--to", str(target)]) == 0
    assert contents(target) == SETTINGS
    assert list(target.parent.iterdir()) == [target]
    told = capsys.readouterr().out
    assert "NOT inside (--without-keys)" in told and "kohakuriver restore FILE --store-only" in told
    assert run(["restore", str(tmp_path / "b.tar"), "--to", str(target)]) == 1
    assert "holds a cluster already" in capsys.readouterr().err


@pytest.mark.parametrize("cut", [1, 700, 3000])
def test_a_damaged_backup_changes_nothing(cut, tmp_path, capsys):
    (tmp_path / "b.tar").write_bytes(a_backup(SETTINGS, kind=manifest.SETTINGS)[:cut])
    target = tmp_path / "kohakuriver"
    assert run(["restore", str(tmp_path / "b.tar"), "--to", str(target)]) == 1
    assert {one.name for one in tmp_path.iterdir()} == {"b.tar", "home"}
    assert "error: this" in capsys.readouterr().err


def test_a_look_at_several_says_which_are_whole(tmp_path, capsys):
    (tmp_path / "good").write_bytes(a_backup())
    (tmp_path / "bad").write_bytes(a_backup()[:2000])
    assert run(["restore", "--check", str(tmp_path / "good"), str(tmp_path / "bad")]) == 1
    told = capsys.readouterr()
    assert "good is whole: cluster c6a1664b" in told.out and "2026-12-01 09:45:00 UTC" in told.out
    assert "bad: " in told.err and "bad is whole" not in told.out
    assert run(["restore", "--check", str(tmp_path / "good")]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["restore", "a", "b"], "one backup is restored at a time"),
        (["restore", "a", "b"], "hint: the files of a VPS: kohakuriver vps restore a b"),
        (["restore", "dev"], "hint: the files of a VPS: kohakuriver vps restore dev"),
        (["restore", "dev@before"], "hint: the files of a VPS: kohakuriver vps restore dev@before"),
        (["restore", "a", "b", "c"], "hint: look at several with --check"),
        (["restore", "a", "--store-only", "--replace"], "exclude each other"),
        (["backup", "river.tar", "--keep", "7"], "--keep goes with a directory"),
        (["backup", "river.tar", "--data-dir", "a", "--settings", "b"], "exclude each other"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(words, said, capsys):
    assert run(words) == 2
    assert said in capsys.readouterr().err


def test_a_backup_of_nothing_says_where_it_looked(home, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("kohakuriver.cli.local.backups.sources.MACHINES", tmp_path / "none")
    assert run(["backup", "river.tar"]) == 1
    told = capsys.readouterr().err
    assert f"there is no cluster in {home}/.kohakuriver, and no settings of one in {tmp_path}/none" in told
    assert "--settings" in told


def test_the_nightly_unit_says_what_the_command_takes(home, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("kohakuriver.cli.local.backups.sources.MACHINES", tmp_path / "none")
    unit = (PROJECT / "manifests/systemd/kohakuriver-backup.service").read_text()
    [line] = [one for one in unit.splitlines() if one.startswith("ExecStart=")]
    words = line.replace("${TARGET}", f"{tmp_path}/backups/").replace("${KEEP}", "7").split()
    assert words[0] == "ExecStart=/opt/kohakuriver/bin/kohakuriver" and words[-1] == "$BACKUP_OPTIONS"
    assert run(words[1:-1]) == 1
    assert "there is no cluster in" in capsys.readouterr().err
