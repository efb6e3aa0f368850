"""How a command in a container ended: with its own code, or because something ended around it."""

import asyncio
from typing import Final

from kohakuriver.agent.holder.session import Ending
from kohakuriver.agent.runtime.errors import EngineError, NotFound, RuntimeUnavailable
from kohakuriver.agent.runtime.execs import Execs

_KILLED: Final = 137  # by SIGKILL: the kernel's end of everything in a container too
_LOOK_EVERY: Final = 0.02  # seconds
_LOOKS: Final = 100
_LOOKS_AT_HOME: Final = 60


async def ending(execs: Execs, exec_id: str, container: str) -> Ending:
    """The connection to the command has ended."""
    try:
        code = await _code(execs, exec_id)
        if code is not None and code != _KILLED:
            return Ending(code)
        for _ in range(_LOOKS_AT_HOME if code == _KILLED else 1):
            home = await execs.home(container)
            if not home.is_running:
                return Ending(None, "Stopped", "the VPS stopped, and what ran in it ended with it")
            await asyncio.sleep(_LOOK_EVERY)
    except NotFound:
        return Ending(None, "Removed", "the container was removed, and what ran in it ended with it")
    except RuntimeUnavailable:
        return Ending(None, "EngineAway", "the container engine went away, and what it ran ended with it")
    except EngineError as error:
        return Ending(None, "EngineError", f"the container engine says: {error.message}")
    return Ending(code) if code is not None else Ending(None, "Disconnected", "the container engine hung up")


async def _code(execs: Execs, exec_id: str) -> int | None:
    """Known a moment after the connection ended. Raises NotFound where the container is gone."""
    for _ in range(_LOOKS):
        found = await execs.look(exec_id)
        if not found.is_running:
            return found.code
        await asyncio.sleep(_LOOK_EVERY)
    return None
