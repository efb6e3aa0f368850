"""A whole cluster of its own for one benchmark: started as a user starts it, removed at the end."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kohakuriver.client import config

COMMAND = Path(sys.executable).parent / "kohakuriver"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(*options: str, ssh_address: str = "off") -> Iterator[config.Connection]:
    """`kohakuriver up --detach` in a folder of its own; then `down --purge`."""
    with running_in(*options, ssh_address=ssh_address) as file:
        yield config.load(file)


@contextlib.contextmanager
def running_in(*options: str, ssh_address: str = "off") -> Iterator[Path]:
    """The same, as the config file that commands go by."""
    with tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder:
        where = ["--data-dir", f"{folder}/cluster"]
        environment = {**os.environ, "KOHAKURIVER_CONFIG": f"{folder}/cluster/config"}
        up = [
            COMMAND,
            "up",
            *where,
            "--port",
            str(free_port()),
            "--ssh-address",
            ssh_address,
            "--detach",
            *options,
        ]
        subprocess.run(up, check=True, env=environment, stdout=sys.stderr)
        try:
            yield Path(folder) / "cluster/config"
        finally:
            subprocess.run([COMMAND, "down", *where, "--purge"], check=True, stdout=sys.stderr)
