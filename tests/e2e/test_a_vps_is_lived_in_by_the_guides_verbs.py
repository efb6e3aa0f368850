"""The guide's life of a VPS: created with a key of its own, logged in to, stopped, started, restarted."""

import shlex
import subprocess

import pytest

from tests.e2e.conftest import Cluster, Result, containers, eventually


def ssh(cluster: Cluster, command: str, what: str) -> Result:
    """`command` is what `vps create` printed. The host key is taken once and must stay."""
    options = ["-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={cluster.folder}/known"]
    program, *rest = shlex.split(command)
    done = subprocess.run(
        [program, *options, "-o", "BatchMode=yes", *rest, what],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.fault(22)
def test_files_keys_host_key_and_port_outlive_every_verb(cluster: Cluster, engine):
    made = cluster.run("kohakuriver", *shlex.split("vps create --name home -c 0.2 -m 128M --gen-ssh-key"))
    assert made.code == 0, made.text
    assert made.out == "vps/home created\n"
    key = cluster.folder / ".ssh" / "kohakuriver_vps_home"
    assert f"private key: {key}\n" in made.err
    assert "running, ssh ready\n" in made.err
    login = made.err.rpartition("log in with: ")[2].strip()
    assert ssh(cluster, login, "echo kept > /root/file").code == 0

    assert cluster.ok("vps", "stop", "home") == "vps/home stopped\n"
    assert containers(engine, "home", all=False) == []
    assert "home" not in cluster.ok("vps", "list")
    assert "stopped" in cluster.ok("vps", "list", "--all")
    assert cluster.ok("vps", "start", "ho") == "vps/home started\n"
    assert ssh(cluster, login, "cat /root/file").out == "kept\n"

    assert cluster.ok("vps", "pause", "home") == "vps/home paused\n"
    [frozen] = containers(engine, "home")
    assert frozen["State"] == "paused"
    assert cluster.ok("vps", "resume", "home") == "vps/home resumed\n"
    before = ssh(cluster, login, "stat -c %Y /proc/1").out
    assert cluster.ok("vps", "restart", "home") == "vps/home restarted\n"
    after = ssh(cluster, login, "cat /root/file; stat -c %Y /proc/1")
    assert after.out.splitlines()[0] == "kept"
    assert after.out.splitlines()[1] != before.strip()

    status = cluster.ok("vps", "status", "home")
    assert status.endswith(f"Next:\n  kohakuriver connect home\n  {login}\n")
    [container] = containers(engine, "home")
    assert container["Id"] == frozen["Id"]
    assert cluster.ok("vps", "delete", "home") == "vps/home deleted\n"
    assert containers(engine, "home") == []


def test_a_drained_node_is_empty_and_an_uncordoned_one_is_as_before(cluster: Cluster, engine):
    cluster.ok(*shlex.split("vps create --name work -c 0.1 -m 64M --image kohakuriver/busybox --gen-ssh-key"))
    node = cluster.get("work")["status"]["assignment"]["node"]
    assert cluster.ok("node", "drain", node, "--timeout", "1m") == f"node/{node} drained\n"
    assert containers(engine, "work", all=False) == []
    eventually(lambda: "Ready,Drained" in cluster.ok("node", "list"))
    assert "Ready,Drained" in cluster.ok("get", "nodes")
    assert cluster.get("work")["spec"]["runState"] == "Running"
    assert cluster.ok("node", "uncordon", node) == f"node/{node} uncordoned\n"
    cluster.wait_running("work")
    assert len(containers(engine, "work", all=False)) == 1
    cluster.ok("vps", "delete", "work")
