"""`manifests/development/docker-engine` starts an engine on a machine that has none: a mount, a network and a
process namespace with folders of its own, which ends with all that runs in it."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root starts an engine"),
]
PROJECT = Path(__file__).parents[2]
BARE = """
for folder in /run /var/lib/docker /var/log; do mkdir -p $folder && mount -t tmpfs tmpfs $folder; done
mkdir -p /run/etc && cp -a /etc/. /run/etc && mount --bind /run/etc /etc && rm -rf /etc/docker
ip link set lo up
options() { docker info --format '{{.SecurityOptions}}'; }
stop() { kill "$(cat /var/run/docker.pid)"; while docker version >/dev/null 2>&1; do sleep 0.1; done; }
"""
ENGINE = "manifests/development/docker-engine"


def on_a_bare_machine(script: str) -> subprocess.CompletedProcess[str]:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DOCKER_HOST", "USERNS_REMAP")
    }
    namespaces = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    return subprocess.run(
        ["unshare", *namespaces, "bash", "-euc", BARE + script],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_engine_that_was_started_with_userns_remap_is_always_started_so() -> None:
    done = on_a_bare_machine(f"USERNS_REMAP=1 {ENGINE}; options; stop; {ENGINE}; options")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("name=userns") == 2


def test_an_engine_that_holds_something_is_started_as_before_or_not_at_all() -> None:
    done = on_a_bare_machine(
        f"{ENGINE}; options; stop; USERNS_REMAP=0 {ENGINE}; stop; USERNS_REMAP=1 {ENGINE}"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "name=seccomp" in done.stdout and "name=userns" not in done.stdout
    assert "USERNS_REMAP is for an engine that holds nothing yet" in done.stderr
