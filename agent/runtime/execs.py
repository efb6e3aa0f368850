"""Commands in containers: made, started, resized and looked at. Decides nothing."""

import asyncio
import dataclasses
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import TypeVar

from kohakuriver.agent.runtime.engine_socket import EngineSocket, SharedReader

P = TypeVar("P", bound=asyncio.Protocol | SharedReader)


@dataclasses.dataclass(frozen=True, slots=True)
class Exec:
    """A command in a container, as the engine has it."""

    is_running: bool
    code: int | None
    pid: int  # on the machine; 0 before it runs


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """The container that a command is to run in."""

    is_running: bool
    is_paused: bool
    pid: int  # of its first process, on the machine
    has_terminal: bool
    env: frozenset[str]  # names of variables


class Execs:
    """The commands on one engine."""

    def __init__(self, engine: EngineSocket) -> None:
        self._engine = engine

    async def home(self, container: str) -> Home:
        """Raises NotFound."""
        found = await self._engine.call("GET", f"/containers/{_quoted(container)}/json")
        state, config = found["State"], found["Config"]
        return Home(
            is_running=bool(state["Running"]),
            is_paused=bool(state.get("Paused")),
            pid=int(state.get("Pid") or 0),
            has_terminal=bool(config.get("Tty")),
            env=frozenset(one.partition("=")[0] for one in config.get("Env") or ()),
        )

    async def make(
        self,
        container: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        terminal: bool,
        stdin: bool,
    ) -> str:
        """Its id; it does not run yet. As root, in the container's own environment and these."""
        body = {
            "AttachStdin": stdin,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": terminal,
            "Cmd": list(command),
            "Env": [f"{name}={value}" for name, value in env.items()],
            "User": "0:0",
        }
        made = await self._engine.call("POST", f"/containers/{_quoted(container)}/exec", body)
        return str(made["Id"])

    async def start(
        self, exec_id: str, protocol: P, *, terminal: bool, size: tuple[int, int] | None = None
    ) -> P:
        """The protocol, connected to the command: its input, and its output. `size`: rows and columns of its
        terminal, which an engine before 23.0 passes over."""
        body: dict[str, object] = {"Detach": False, "Tty": terminal}
        if size is not None:
            body["ConsoleSize"] = size
        return await self._engine.open("POST", f"/exec/{exec_id}/start", protocol, body, upgrade=True)

    async def let_go(self, exec_id: str) -> None:
        """Start it, and listen to nothing of it."""
        await self._engine.call("POST", f"/exec/{exec_id}/start", {"Detach": True})

    async def resize(self, exec_id: str, rows: int, cols: int) -> None:
        await self._engine.call("POST", f"/exec/{exec_id}/resize?h={rows}&w={cols}")

    async def look(self, exec_id: str) -> Exec:
        """Raises NotFound, with the container too."""
        found = await self._engine.call("GET", f"/exec/{exec_id}/json")
        return Exec(bool(found["Running"]), found.get("ExitCode"), int(found.get("Pid") or 0))


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")
