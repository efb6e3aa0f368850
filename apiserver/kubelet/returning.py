"""`kubectl attach`: back to the terminal that its caller left last in the VPS, with what was missed.

Who has left none gets a new one. Without a terminal it follows what the main process writes, as for any Pod.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import opened
from kohakuriver.apiserver.kubelet import asked
from kohakuriver.apiserver.kubelet.inside import Command
from kohakuriver.apiserver.kubelet.running import read, serve, serve_terminal, spoken
from kohakuriver.apiserver.node_streams.upgrade import Upgraded
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming import opening
from kohakuriver.apiserver.streaming.reach import Target
from kohakuriver.resources import kinds


async def attach(request: web.Request) -> web.StreamResponse:
    """Until the program ends, or its client goes."""
    call, dialect, wanted = Call.of(request, kinds.VPS), spoken(request), read(request.query)
    asked.check_container(request, call.name)
    if wanted.stdin and not wanted.tty:
        raise errors.BadRequest(
            f"{call.name} reads no input but that of terminals and commands",
            hint=f"kubectl attach -it {call.name}",
        )
    kind = "terminal" if wanted.tty else "logs"
    found = await opening.look(call, kind)
    await opened(request, kind, uid=found.uid, node=found.node)
    if wanted.tty:
        query = await _session(call, found)
        asked.tell(request, session=query["session"][0])
        return await serve_terminal(call, dialect, wanted, found, query)
    async with asked.stream(call, kind, found, {"follow": ["1"], "tail": ["0"]}) as stream:
        await serve(request, dialect, wanted, Command(stream))
    return Upgraded(request)


async def _session(call: Call, found: Target) -> dict[str, list[str]]:
    """What is asked of the node for it. Raises ApiError."""
    async with asked.stream(call, "terminal", found, {"list": ["1"]}) as stream:
        told = await _told(stream.receive)
    last = newest(told, call.user.name)
    if last is None:
        return {"session": [f"kubectl-{secrets.token_hex(6)}"]}
    return {"session": [last], "create": ["0"], "redraw": ["1"]}


async def _told(receive: Any) -> list[Mapping[str, Any]]:
    try:
        message = await receive()
    except errors.Unreachable as error:
        raise errors.Unavailable(error.message, retry_after=1) from error
    if isinstance(message, dict) and isinstance(message.get("error"), dict):
        raise errors.from_status(message["error"])
    sessions = message.get("sessions") if isinstance(message, dict) else None
    return [one for one in sessions if isinstance(one, Mapping)] if isinstance(sessions, list) else []


def newest(sessions: Iterable[Mapping[str, Any]], user: str) -> str | None:
    """The session that this user left last; where they are at all of theirs, the youngest. Pure."""
    own = [one for one in sessions if one.get("user") == user and not one.get("ended")]
    left = [one for one in own if not one.get("attached")]
    if left:
        return str(min(left, key=lambda one: _seconds(one, "detached"))["session"])
    return str(min(own, key=lambda one: _seconds(one, "age"))["session"]) if own else None


def _seconds(session: Mapping[str, Any], name: str) -> float:
    found = session.get(name)
    return float(found) if isinstance(found, int | float) else 0.0
