"""An engine of its own that remaps users (userns-remap), with the images of this machine's engine in it.

What is run `inside` takes it for the machine's own engine: it answers at /var/run/docker.sock.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker

from kohakuriver.agent.runtime.docker import DEFAULT_SOCKET
from tests.e2e.machines import Machine, free_network

PROJECT = Path(__file__).parents[2]
BUSYBOX, DEBIAN = "kohakuriver/busybox", "kohakuriver/debian-ssh"
FIRST = 100_000  # the user of the machine that root in a container is


@contextlib.contextmanager
def a_remapped_machine(*images: str) -> Iterator[Machine]:
    """It answers, and has these images."""
    machine = Machine("uns", network=free_network(), number=2, remaps_users=True)
    try:
        machine.start()
        with contextlib.closing(machine.client()) as there, contextlib.closing(docker.APIClient()) as here:
            for image in images:
                there.load_image(here.get_image(image))
        script = '[ -e "$1" ] || touch "$1"; mount --bind "$0" "$1"'
        sockets = (machine.socket.removeprefix("unix://"), DEFAULT_SOCKET)
        subprocess.run([*machine.inside, "sh", "-c", script, *sockets], check=True, capture_output=True)
        yield machine
    finally:
        machine.remove()


def run_pytest_inside(machine: Machine, *words: str) -> str:
    """Run pytest with these words there; what it says, which is told too where a test fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        [*machine.inside, "sh", "-c", 'cd "$0" && exec "$@"', str(PROJECT), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
