"""What `up` refuses before it keeps or starts anything."""

import socket

import pytest

from kohakuriver.cli.local import cluster_options
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.cli.main import run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cores", "abc"], '--cores: invalid quantity "abc"'),
        (["--ssh-address", "nowhere"], "--ssh-address: 'nowhere' does not appear to be an IPv4"),
        (["--ssh-port-range", "bogus"], '--ssh-port-range: invalid range of ports "bogus"'),
        (["--ssh-port-range", "5-2"], "--ssh-port-range: the first port is above the last"),
        (["--node", "Bad_Name"], '--node: invalid node name "Bad_Name"'),
    ],
)
def test_an_option_that_makes_no_sense_is_told_and_nothing_is_kept(
    options, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "cluster"
    for _ in range(2):  # the folder is no reason to refuse the second time
        assert run(["up", "--data-dir", str(folder), "--detach", *options]) == 2
        assert f"error: {said}" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize("is_there", [False, True])
def test_a_port_that_is_taken_leaves_nothing_behind(is_there, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "cluster"
    if is_there:
        folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["up", "--data-dir", str(folder), "--detach", "--port", str(port)]) == 1
    assert f"error: port {port} on 127.0.0.1 is taken" in capsys.readouterr().err
    left = [one for one in tmp_path.rglob("*") if one.is_file() and one.stat().st_size]
    assert (folder.exists(), left) == (is_there, [])


def test_a_port_that_is_taken_costs_a_cluster_that_ran_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    files = ClusterFiles(tmp_path / "cluster")
    files.claim()
    cluster_options.save(files.options, Options(node="n1", agent={"ssh_port_range": "30000-30099"}))
    (files.root / "cluster-id").write_text("c1")
    before = {one: one.read_bytes() for one in files.root.rglob("*") if one.is_file()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["up", "--data-dir", str(files.root), "--detach", "--port", str(port)]) == 1
    assert "is taken" in capsys.readouterr().err
    after = {one: one.read_bytes() for one in files.root.rglob("*") if one.is_file() and one.name != "lock"}
    assert after == before


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--cores", "2"], 0, ""),
        ([], 0, ""),
        (["--cores", "3"], 1, "error: the cluster runs already, and not with --cores 3"),
        (["--cores", "3", "--port", "7443"], 1, "and not with --port 7443 --cores 3"),
        (["--allow-privileged"], 1, "and not with --allow-privileged"),
        (["--port", "abc"], 2, "error: invalid value for --port: "),
        (["--port", "70000"], 2, "error: invalid value for --port: "),
        (["--cores", "abc"], 2, 'error: --cores: invalid quantity "abc"'),
        (
            ["--cores", "3", "--ssh-port-range", "5-2"],
            2,
            "--ssh-port-range: the first port is above the last",
        ),
        (["--default-quota", "pods=5"], 2, 'error: --default-quota: invalid default quota "pods=5"'),
        (["--node", "n2"], 2, "error: this cluster knows this machine as n1"),
        (["--listen", "192.0.2.1"], 1, "error: this machine cannot listen on 192.0.2.1"),
        (["--timeout", "soon"], 2, "error: --timeout: "),
    ],
)
def test_other_options_than_those_it_runs_with_are_an_error(
    options, code, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    files = ClusterFiles(tmp_path / "cluster")
    files.claim()
    cluster_options.save(files.options, Options(node="n1", agent={"cores": "2"}))
    kept = files.options.read_bytes()
    with files.locked() as free:
        assert free
        assert run(["up", "--data-dir", str(files.root), *options]) == code
    err = capsys.readouterr().err
    assert said in err
    if "and not with" in said:
        down = f"kohakuriver down --data-dir {files.root}"
        assert f"hint: stop it, then type this again (VPSes run on): {down}" in err
    assert files.options.read_bytes() == kept


def test_a_default_quota_that_no_server_would_take_is_told_before_anything_is_made(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "cluster"
    assert run(["up", "--data-dir", str(folder), "--default-quota", "pods=5"]) == 2
    assert (
        'error: --default-quota: invalid default quota "pods=5": use count/vpses' in capsys.readouterr().err
    )
    assert not folder.exists()
