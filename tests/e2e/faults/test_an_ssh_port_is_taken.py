"""A program that is no VPS listens on the port that was booked for one."""

import subprocess
import sys

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

FIRST = 30000  # of the node's ports for SSH, and so the one that is booked
LISTEN = """\
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    sys.stdin.read()
"""


def _port(bed: Bed) -> int | None:
    assignment = bed.get("reached")["status"].get("assignment") or {}
    return (assignment.get("grant") or {}).get("sshPort")


@pytest.mark.fault(28)
def test_a_port_held_by_a_stranger_is_avoided_or_named_with_its_holder(bed: Bed):
    machine = bed.nodes["n1"].machine
    command = [*machine.inside, sys.executable, "-c", LISTEN, str(FIRST)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as stranger:
        try:
            bed.create("reached", placement={"node": "n1"}, ssh={"passwordless": True})

            def is_settled() -> bool:
                if _port(bed) not in (None, FIRST):
                    return bed.phase("reached") == "running"
                return f"process {stranger.pid}" in bed.message("reached") and str(FIRST) in bed.message(
                    "reached"
                )

            eventually(is_settled)
            assert _port(bed) != FIRST or bed.phase("reached") != "running"
        finally:
            assert stranger.stdin is not None
            stranger.stdin.close()
            stranger.wait(10)
    bed.until("reached", "running")
