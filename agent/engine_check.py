"""`python -m kohakuriver.agent.engine_check SOCKET FOLDER`: can VPSes run on the engine there? Asked by `up`.

Prints one JSON object and ends with code 0; changes nothing. A program of its own, as `up` must know before
it starts anything, and small, so that `up` does not wait for all that an agent loads.
"""

import asyncio
import dataclasses
import errno
import getpass
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from kohakuriver.agent.runtime import port_holder
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.errors import EngineError, RuntimeTimeout, RuntimeUnavailable

TIMEOUT: Final = 10.0  # seconds for its answer
_ANOTHER: Final = "or name another engine's socket with --docker-host"


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """Why the engine cannot be used (empty: it can), what to do then, whether this node ever used one, and
    the ports of this machine that its containers have, whosever they are."""

    problem: str
    hint: str
    used_before: bool
    published: tuple[int, ...] = ()


def main(arguments: list[str]) -> int:
    socket, folder = arguments
    report = asyncio.run(look(socket.removeprefix("unix://"), Path(folder)))
    print(json.dumps(dataclasses.asdict(report)))  # noqa: T201 - it is read by who started this
    return 0


async def look(socket: str, folder: Path, *, timeout: float = TIMEOUT) -> Report:
    """What the engine at that path says, asked once; `folder` is the agent's."""
    before = used_before(folder)
    engine = EngineSocket(socket, timeout=timeout)
    try:
        await engine.call("GET", "/version")
        running = await engine.call("GET", "/containers/json")
    except EngineError as error:
        return Report(*_words(socket, error), before)
    except ValueError:
        return Report(
            f"what answers at {socket} is not a container engine", f"start Docker, {_ANOTHER}", before
        )
    return Report("", "", before, port_holder.published(running))


def used_before(folder: Path) -> bool:
    """Whether an agent with this folder may have made a container: before the first it marks the engine and
    writes that down. What cannot be read counts as yes."""
    if any(any(_entries(folder / name)) for name in ("vps", "hostkeys")):
        return True
    try:
        return bool(json.loads((folder / "node.json").read_text())["has_sentinel"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _entries(folder: Path) -> list[Any]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _words(socket: str, error: EngineError) -> tuple[str, str]:
    """What is wrong and what to do next, for a person."""
    cause = error.__cause__
    number = cause.errno if isinstance(cause, OSError) else None
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{getpass.getuser()} may not use the container engine at {socket}",
            f"join its group, then log in again: sudo usermod -aG docker {getpass.getuser()}",
        )
    if isinstance(error, RuntimeTimeout):
        return (
            f"the container engine at {socket} does not answer: {error.message}",
            f"look at its log (journalctl -u docker), restart it, {_ANOTHER}",
        )
    if isinstance(error, RuntimeUnavailable):
        why = os.strerror(number) if number else "it accepts no connection"
        return f"no container engine answers at {socket}: {why}", f"{_start()}, {_ANOTHER}"
    return f"the container engine at {socket} cannot be used: {error.message}", f"upgrade Docker, {_ANOTHER}"


def _start() -> str:
    if shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is None:
        return "install Docker (Debian 12: apt-get install docker.io; Debian 13: docker.io and docker-cli)"
    return "start it: sudo systemctl start docker"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
