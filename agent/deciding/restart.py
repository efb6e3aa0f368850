"""What follows when a VPS's main process ends by itself: the policy, and how long to wait. Pure."""

import dataclasses

from kohakuriver.resources.vps import RestartPolicy

FIRST = 1.0  # seconds
LONGEST = 60.0  # seconds
FORGIVEN_AFTER = 600.0  # seconds of running after which earlier exits no longer count


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """It will not be started again by itself, and why."""

    reason: str
    message: str


def delay(failures: int) -> float:
    """How long to wait after that many exits in a row: 1, 2, 4 … 60 seconds."""
    return min(LONGEST, FIRST * 2.0 ** min(max(failures, 1) - 1, 16))


def ended(policy: RestartPolicy, *, exit_code: int | None, oom_killed: bool) -> Ended | None:
    """Whether the policy leaves it at that; None when it is to be started again."""
    if policy is RestartPolicy.ALWAYS:
        return None
    succeeded = exit_code == 0 and not oom_killed
    if policy is RestartPolicy.ON_FAILURE and not succeeded:
        return None
    if succeeded:
        return Ended("Completed", f"its main process ended; restartPolicy {policy} leaves it so")
    reason = "OOMKilled" if oom_killed else "Error"
    how = exit_words(exit_code, oom_killed=oom_killed)
    return Ended(reason, f"its main process {how}; restartPolicy {policy} leaves it so")


def exit_words(exit_code: int | None, *, oom_killed: bool) -> str:
    """How a process ended, as the end of a sentence about it."""
    if oom_killed:
        return "was killed because its memory ran out"
    if exit_code is None:
        return "ended"
    if exit_code > 128:
        return f"ended with exit code {exit_code} (signal {exit_code - 128})"
    return f"ended with exit code {exit_code}"
