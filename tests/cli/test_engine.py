"""`up` where no container engine can be used, and `down --purge` of a cluster that never had one."""

import json
import socket as server

import pytest

from kohakuriver import errors
from kohakuriver.cli.local import cluster_options, engine
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.cli.local.engine import Engine
from kohakuriver.cli.main import run


def test_up_without_an_engine_is_refused_and_nothing_is_kept(tmp_path, home, capsys):
    folder, socket = tmp_path / "cluster", tmp_path / "nope.sock"
    with server.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words = ["up", "--data-dir", str(folder), "--port", port, "--detach", "--docker-host", f"unix://{socket}"]
    assert run(words) == 1
    said = capsys.readouterr().err
    assert f"error: no container engine answers at {socket}: No such file or directory" in said
    assert "hint: " in said and "--docker-host" in said
    assert not folder.exists()


def test_down_purge_removes_what_a_refused_up_left_and_nothing_else(tmp_path, home):
    folder = tmp_path / "cluster"
    (folder / "logs").mkdir(parents=True)
    (folder / "lock").write_text("")
    assert run(["down", "--purge", "--data-dir", str(folder)]) == 0
    assert not folder.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "lock").write_text("")
    (tmp_path / "mine" / "precious").write_text("")
    assert run(["down", "--purge", "--data-dir", str(tmp_path / "mine")]) == 1
    assert sorted(one.name for one in (tmp_path / "mine").iterdir()) == ["lock", "precious"]


def test_an_engine_that_never_was_used_here_is_insisted_on():
    with pytest.raises(errors.ConfigError, match="no engine") as refused:
        engine.insist(Engine("no engine", "start it", used_before=False))
    assert refused.value.hint == "start it"


def test_a_cluster_whose_engine_is_away_just_now_starts_and_says_so(capsys):
    engine.insist(Engine("no engine", "start it", used_before=True))
    assert "no engine; VPSes of this machine wait until that is mended: start it" in capsys.readouterr().err


def test_of_an_engine_that_answers_nothing_is_said(capsys):
    engine.insist(Engine("", "", used_before=False))
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def stopped(tmp_path, home):
    """A cluster that was up, on a machine without an engine."""
    files = ClusterFiles(tmp_path / "cluster")
    (files.root / "agent").mkdir(parents=True)
    cluster_options.save(
        files.options, Options(node="n1", agent={"docker_host": f"unix://{tmp_path}/nope.sock"})
    )
    files.remember_cluster_id("0123456789")
    return files


def has_used_an_engine(files):
    (files.root / "agent" / "node.json").write_text(json.dumps({"has_sentinel": True}))


def test_a_cluster_that_never_had_an_engine_is_removed_without_one(stopped, capsys):
    assert run(["down", "--purge", "--data-dir", str(stopped.root)]) == 0
    assert "never used an engine here, so there are no containers" in capsys.readouterr().err
    assert not stopped.root.exists()


def test_a_cluster_whose_engine_is_away_keeps_its_files_and_names_both_ways_out(stopped, capsys):
    has_used_an_engine(stopped)
    assert run(["down", "--purge", "--data-dir", str(stopped.root)]) == 1
    said = capsys.readouterr().err
    assert "could not be removed, so its files were kept: no container engine answers at" in said
    assert f"kohakuriver down --purge --data-dir {stopped.root} --leave-containers" in said
    assert stopped.options.exists()


def test_an_engine_that_is_gone_for_good_holds_nobody_up(stopped, capsys):
    has_used_an_engine(stopped)
    assert run(["down", "--purge", "--leave-containers", "--data-dir", str(stopped.root)]) == 0
    assert "kohakuriver.io/cluster=0123456789" in capsys.readouterr().err
    assert not stopped.root.exists()


def test_leaving_containers_is_for_a_purge(stopped, capsys):
    assert run(["down", "--leave-containers", "--data-dir", str(stopped.root)]) == 2
    assert "--leave-containers goes with --purge" in capsys.readouterr().err
