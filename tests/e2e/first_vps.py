"""The last step of `make up`, on a cluster of a test: the VPS `dev`, with a key that may log in."""

import subprocess

from tests.e2e.conftest import PROJECT, Cluster

STEP = PROJECT / "manifests" / "development" / "first-vps"


def make(cluster: Cluster) -> str:
    """What it says. Done again it changes nothing."""
    command = [str(STEP), "--data-dir", str(cluster.data_dir)]
    done = subprocess.run(
        command, env=cluster.environment(), capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
