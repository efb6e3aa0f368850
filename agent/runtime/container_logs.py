"""What a container's main process wrote, as the engine recorded it. The engine's path, and no decision."""

import asyncio
import urllib.parse
from typing import TypeVar

from kohakuriver.agent.runtime.engine_socket import EngineSocket

P = TypeVar("P", bound=asyncio.Protocol)


async def running_since(engine: EngineSocket, container: str) -> str:
    """When what runs there was started, as the engine has it; empty where nothing is. Raises EngineError."""
    found = await engine.call("GET", f"/containers/{urllib.parse.quote(container, safe='')}/json")
    state = found["State"]
    return str(state.get("StartedAt") or "") if state["Running"] else ""


async def logs(
    engine: EngineSocket,
    container: str,
    protocol: P,
    *,
    follow: bool,
    tail: int | None,
    since: float | None,
    timestamps: bool = False,
) -> P:
    """The protocol, connected to the log in the engine's framing (demux.py). Raises EngineError.

    `tail` counts lines from the end, `since` seconds of the engine's clock since 1970; with `timestamps` each
    line begins with when it was written.
    """
    params = {"stdout": "1", "stderr": "1", "follow": "1" if follow else "0"}
    if tail is not None:
        params["tail"] = str(tail)
    if timestamps:
        params["timestamps"] = "1"
    if since is not None:
        params["since"] = f"{since:.9f}"
    path = f"/containers/{urllib.parse.quote(container, safe='')}/logs?{urllib.parse.urlencode(params)}"
    return await engine.open("GET", path, protocol)
