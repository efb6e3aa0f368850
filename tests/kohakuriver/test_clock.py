"""What the machine's own clocks count."""

import subprocess
import sys

import pytest

from kohakuriver.clock import SystemClock, in_words

ASLEEP = 1_000_000  # seconds
NAMESPACE = ("unshare", "--time", f"--boottime={ASLEEP}")


@pytest.mark.parametrize(
    ("timestamp", "words"),
    [
        ("2026-11-29T05:11:00Z", "2026-11-29 05:11:00 UTC"),
        ("2026-11-29T05:11:00.423609Z", "2026-11-29 05:11:00 UTC"),
        ("2026-11-29T06:11:00+01:00", "2026-11-29 05:11:00 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_moment_for_people_has_whole_seconds_and_its_zone(timestamp: str, words: str) -> None:
    assert in_words(timestamp) == words


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
