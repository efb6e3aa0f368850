"""What the machine's own clocks count."""

import subprocess
import sys

import pytest

from kohakuriver.clock import SystemClock

ASLEEP = 1_000_000  # seconds
NAMESPACE = ("unshare", "--time", f"--boottime={ASLEEP}")


@pytest.mark.fault(67)
def test_time_in_which_the_machine_slept_counts() -> None:
    """In a namespace in which only the clock that counts sleep is put forward: so it is after a sleep."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("namespaces with a clock of their own need root and Linux 5.6")
    before = SystemClock().monotonic()
    shown = [
        sys.executable,
        "-c",
        "from kohakuriver.clock import SystemClock; print(SystemClock().monotonic())",
    ]
    after = subprocess.run([*NAMESPACE, *shown], capture_output=True, check=True, text=True)
    assert float(after.stdout) - before >= ASLEEP
