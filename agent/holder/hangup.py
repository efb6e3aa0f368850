"""Ends what a session left running: every process of its session id inside its container, and no other.

HUP and CONT, as a modem that hangs up; KILL after five seconds. What called setsid (tmux, a daemon) lives on,
by design. Handles are taken first and looked at then, so that no stranger who got a dead process's pid is
hit.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

PATIENCE: Final = 5.0  # seconds from HUP to KILL
_SESSION: Final = 3  # of the fields of /proc/PID/stat behind the name
_GONE = (FileNotFoundError, ProcessLookupError)


async def hang_up(leader: int, container: int, *, patience: float = PATIENCE) -> bool:
    """End the session that `leader` leads in the container whose first process is `container`.

    Raises PermissionError where this process may not: it has to run as root.
    """
    home = _cgroup(container)
    if not home.strip("/"):
        return False  # the machine's own group: everybody is in there
    with contextlib.ExitStack() as stack:
        members = list(_members(leader, home))
        for handle in members:
            stack.callback(os.close, handle)
        _signal(members, signal.SIGHUP, signal.SIGCONT)
        await asyncio.sleep(patience)
        late = list(_members(leader, home))
        for handle in late:
            stack.callback(os.close, handle)
        _signal([*members, *late], signal.SIGKILL)
    return bool(members)


def _members(leader: int, home: str) -> Iterator[int]:
    """Handles on the processes of that session in that container."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            handle = os.pidfd_open(int(entry.name))
        except OSError:
            continue
        if _is_member(int(entry.name), leader, home) and _lives(handle):
            yield handle
        else:
            os.close(handle)


def _is_member(pid: int, leader: int, home: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        group = _cgroup(pid)
    except OSError:
        return False
    fields = stat[stat.rindex(")") + 2 :].split()
    return int(fields[_SESSION]) == leader and (group == home or group.startswith(f"{home}/"))


def _lives(handle: int) -> bool:
    try:
        signal.pidfd_send_signal(handle, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _cgroup(pid: int) -> str:
    """The control group of a process: the unified hierarchy's, else that of the memory controller."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    by_controller = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in lines if line.count(":") >= 2}
    unified = by_controller.get("", "")
    return unified if unified.strip("/") else by_controller.get("memory", unified)


def _signal(handles: Iterable[int], *numbers: signal.Signals) -> None:
    for handle in handles:
        for number in numbers:
            with contextlib.suppress(*_GONE):
                signal.pidfd_send_signal(handle, number)
