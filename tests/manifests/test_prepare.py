"""What `manifests/cluster/prepare` writes for a cluster on several machines."""

import json
import subprocess
import sys
from pathlib import Path

from kohakuriver.apiserver import options
from kohakuriver.client import config

PREPARE = Path(__file__).parents[2] / "manifests" / "cluster" / "prepare"


def test_addresses_of_ipv6_are_written_as_urls_have_them(tmp_path: Path) -> None:
    machines = ["n1=fd00::1", "n2=fd00::2", "n3=10.0.0.3"]
    subprocess.run([sys.executable, str(PREPARE), str(tmp_path), *machines, "--servers", "2"], check=True)
    lines = (tmp_path / "n1" / "cluster.env").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert found["ETCD_ENDPOINTS"] == "https://[fd00::1]:2379,https://[fd00::2]:2379,https://10.0.0.3:2379"
    assert found["ETCD_MEMBERS"].startswith("n1=https://[fd00::1]:2380,n2=https://[fd00::2]:2380,")
    admin = config.load(tmp_path / "admin.config")
    assert (admin.server, admin.others) == ("https://[fd00::1]:6443", ("https://[fd00::2]:6443",))
    unit = ["--etcd", found["ETCD_ENDPOINTS"], "--listen", f"{found['ADDRESS']}:6443"]
    unit += ["--advertise", found["ADDRESS"], "--tls-cert", "a", "--tls-key", "b", "--token-file", "c"]
    given = options.parse(unit)
    assert (given.listen.host, given.advertised_url()) == ("fd00::1", "https://[fd00::1]:6443")


def prepare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    machines = [f"n{number}=10.0.0.{number}" for number in (1, 2, 3)]
    command = [sys.executable, str(PREPARE), str(folder), *machines, "--servers", "2", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def nodes(folder: Path) -> tuple[list[str], list[str]]:
    """Those that have an agent's credential, and those that an API server would take for nodes."""
    lines = [json.loads(line) for line in (folder / "n2" / "tokens").read_text().splitlines()]
    known = sorted(line["node"] for line in lines if line["role"] == "node")
    return sorted(file.parent.name for file in folder.glob("*/agent.config")), known


def test_machines_that_run_etcd_are_nodes_only_where_that_is_asked_for(tmp_path: Path) -> None:
    done = prepare(tmp_path / "none")
    assert done.returncode == 0 and nodes(tmp_path / "none") == ([], [])
    assert "kohakuriver node join" in done.stdout and "beside the keys" not in done.stderr
    done = prepare(tmp_path / "one", "--nodes", "n3")
    assert nodes(tmp_path / "one") == (["n3"], ["n3"])
    assert "VPSes run on n3 beside the keys of the cluster" in done.stderr
    prepare(tmp_path / "all", "--nodes", "all")
    assert nodes(tmp_path / "all") == (["n1", "n2", "n3"], ["n1", "n2", "n3"])
    done = prepare(tmp_path / "wrong", "--nodes", "n1,n9")
    assert done.returncode == 2 and "n9" in done.stderr and not (tmp_path / "wrong").exists()


def test_a_cluster_whose_machines_were_nodes_before_keeps_them_when_it_is_renewed(tmp_path: Path) -> None:
    prepare(tmp_path, "--nodes", "all")
    token = config.load(tmp_path / "n2" / "agent.config").token
    done = prepare(tmp_path)
    assert done.returncode == 0 and nodes(tmp_path) == (["n1", "n2", "n3"],) * 2
    assert config.load(tmp_path / "n2" / "agent.config").token == token
    assert "VPSes run on n1, n2, n3" in done.stderr


def test_new_engines_remap_users_unless_told_otherwise(tmp_path: Path) -> None:
    words = [sys.executable, str(PREPARE), str(tmp_path), "n1=10.0.0.1", "--servers", "1"]
    file = tmp_path / "n1" / "daemon.json"
    subprocess.run(words, check=True)
    assert not file.exists(), "it runs no VPSes"
    words += ["--nodes", "all"]
    subprocess.run(words, check=True)
    assert json.loads(file.read_text()) == {"userns-remap": "default"}
    subprocess.run([*words, "--no-userns-remap"], check=True)
    assert not file.exists()
