"""The same as hangup.py where this process may not signal what runs in containers: a shell inside does it.

For agents that are not root. It takes an image with /bin/sh; without one the session's processes stay until
the VPS stops, and the holder's log says so.
"""

from pathlib import Path

from kohakuriver.agent.runtime.execs import Execs

# $1 is the session's id as the container counts. What is between the brackets of a name may hold anything.
_SCRIPT = """\
all() {
  for process in /proc/[0-9]*; do
    { read -r line < "$process/stat"; } 2>/dev/null || continue
    set -- "$1" "$2" ${line##*) }
    [ "$6" = "$2" ] && kill "-$1" "${process#/proc/}"
  done
} 2>/dev/null
all HUP "$1"; all CONT "$1"; sleep 5; all KILL "$1"
"""


async def hang_up_inside(execs: Execs, container: str, leader: int) -> None:
    """Returns at once; the shell inside goes on for five seconds. Raises EngineError."""
    inner = innermost(_status(leader))
    exec_id = await execs.make(
        container, ["/bin/sh", "-c", _SCRIPT, "sh", str(inner)], env={}, terminal=False, stdin=False
    )
    await execs.let_go(exec_id)


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def innermost(status: str) -> int:
    """The pid of a process as its own container counts, from its /proc/PID/status. Pure."""
    [line] = [line for line in status.splitlines() if line.startswith("NSpid:")]
    return int(line.split()[-1])
