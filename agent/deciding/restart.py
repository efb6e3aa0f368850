"""What follows when a VPS's main process ends by itself: the policy, and how long to wait. Pure."""

import dataclasses

from kohakuriver import quantity
from kohakuriver.resources.vps import RestartPolicy

FIRST = 1.0  # seconds
LONGEST = 60.0  # seconds
NOTHING_TO_RUN = {126: "its program is there, and cannot be run", 127: "its program was not found"}
FORGIVEN_AFTER = 600.0  # seconds of running after which earlier exits no longer count


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """It will not be started again by itself, and why."""

    reason: str
    message: str


def delay(failures: int) -> float:
    """How long to wait after that many exits in a row: 1, 2, 4 … 60 seconds."""
    return min(LONGEST, FIRST * 2.0 ** min(max(failures, 1) - 1, 16))


def ended(
    policy: RestartPolicy, *, exit_code: int | None, oom_killed: bool, memory: int | None = None
) -> Ended | None:
    """Whether the policy leaves it at that; None when it is to be started again."""
    if policy is RestartPolicy.ALWAYS:
        return None
    succeeded = exit_code == 0 and not oom_killed
    if policy is RestartPolicy.ON_FAILURE and not succeeded:
        return None
    if succeeded:
        return Ended("Completed", f"its main process ended; restartPolicy {policy} leaves it so")
    reason = "OOMKilled" if oom_killed else "Error"
    how = exit_words(exit_code, oom_killed=oom_killed, memory=memory)
    return Ended(reason, f"its main process {how}; restartPolicy {policy} leaves it so")


def exit_words(exit_code: int | None, *, oom_killed: bool, memory: int | None = None) -> str:
    """How a process ended, as the end of a sentence about it; `memory` is what it had, in bytes."""
    if oom_killed:
        limit = f" ({quantity.format_size(memory)})" if memory else ""
        return f"was killed because its memory ran out{limit}"
    if exit_code is None:
        return "ended"
    if exit_code in NOTHING_TO_RUN:
        return f"ended with exit code {exit_code} ({NOTHING_TO_RUN[exit_code]})"
    if exit_code > 128:
        return f"ended with exit code {exit_code} (signal {exit_code - 128})"
    return f"ended with exit code {exit_code}"


def remedy(*, name: str, namespace: str, oom_killed: bool, memory: int | None) -> str:
    """What the owner of a VPS that ended does next: `see its output: kohakuriver logs dev`."""
    elsewhere = "" if namespace == "default" else f" -n {namespace}"
    if oom_killed and memory:
        more = f'{{"spec": {{"resources": {{"memory": "{quantity.format_size(2 * memory)}"}}}}}}'
        return f"give it more: kohakuriver patch vps {name}{elsewhere} -p '{more}'"
    return f"see its output: kohakuriver logs {name}{elsewhere}"
