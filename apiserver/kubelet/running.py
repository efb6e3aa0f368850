"""`kubectl exec`: a command of a VPS, with a terminal or without, joined to whoever asked for it.

A command with a terminal is a session, which stays for a while when its client goes (`kubectl attach`). It
is asked of the node once the client has said its terminal's size, which it can only behind the upgrade.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import opened
from kohakuriver.apiserver.kubelet import asked, channels, copying, spdy_client
from kohakuriver.apiserver.kubelet.channel_client import ChannelClient
from kohakuriver.apiserver.kubelet.client import Client, Said, Status, Typed, Wanted, exit_of, failed
from kohakuriver.apiserver.kubelet.dialect import Dialect, agreed
from kohakuriver.apiserver.kubelet.inside import Command, Inside, Output, Terminal
from kohakuriver.apiserver.kubelet.sizing import beginning
from kohakuriver.apiserver.kubelet.spdy_client import SpdyClient
from kohakuriver.apiserver.node_streams.upgrade import Upgraded
from kohakuriver.apiserver.objects.query import flag
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming import opening, told
from kohakuriver.apiserver.streaming.reach import Target
from kohakuriver.resources import kinds

TAKEN_WITHIN: Final = 30.0  # seconds for a VPS to take what its client typed before it went


async def execute(request: web.Request) -> web.StreamResponse:
    """Run the command, until it or its client is gone."""
    call, dialect = Call.of(request, kinds.VPS), spoken(request)
    wanted, command = read(request.query), request.query.getall("command", [])
    asked.check_container(request, call.name)
    if not command or not command[0]:
        raise errors.BadRequest("the command is empty", hint=f"kubectl exec {call.name} -- COMMAND")
    kind = "terminal" if wanted.tty else "exec"
    found = await opening.look(call, kind)
    await opened(request, kind, uid=found.uid, node=found.node, **told.asked(kind, request))
    copies = copying.meant(request, command)
    if copies is not None and await copying.lacks(call, found, copies.needs):
        return await _copy(call, dialect, wanted, copies)
    query = {"command": command}
    if wanted.tty:
        query["session"] = [f"kubectl-{secrets.token_hex(6)}"]
        return await serve_terminal(call, dialect, wanted, found, query)
    if wanted.stdin:
        query["stdin"] = ["1"]
    async with asked.stream(call, kind, found, query) as stream:
        await serve(request, dialect, wanted, Command(stream))
    return Upgraded(request)


async def _copy(call: Call, dialect: Dialect, wanted: Wanted, copies: copying.Copying) -> web.StreamResponse:
    """Answer a command of `kubectl cp` in place of a program that the VPS lacks."""
    request, found = call.request, await opening.look(call, "files")
    async with asked.stream(call, "files", found, {}) as stream:
        await serve(request, dialect, wanted, copying.Files(stream, copies, request))
    return Upgraded(request)


async def serve(request: web.Request, dialect: Dialect, wanted: Wanted, inside: Inside) -> None:
    """Join the client to what runs, until one of them is gone."""

    async def run(client: Client) -> Status | None:
        return await _join(request, client, inside)

    await _answer(request, dialect, wanted, run)


async def serve_terminal(
    call: Call, dialect: Dialect, wanted: Wanted, found: Target, query: opening.Query
) -> web.StreamResponse:
    """Join the client to a session of the VPS, which begins with the size of the client's terminal."""

    async def run(client: Client) -> Status | None:
        begun = await beginning(client)
        async with asked.stream(call, "terminal", found, {**query, **begun.query}) as stream:
            return await _join(call.request, client, Terminal(stream), begun.said)

    await _answer(call.request, dialect, wanted, run)
    return Upgraded(call.request)


async def _answer(
    request: web.Request, dialect: Dialect, wanted: Wanted, run: Callable[[Client], Awaitable[Status | None]]
) -> None:
    """Upgrade the connection, run, and say how that ended."""
    client: Client = (ChannelClient if dialect.is_websocket else SpdyClient)(dialect.protocol, wanted)
    client.adopt(dialect.take(request))
    try:
        status = await _ended(client, run)
        if status is not None:
            asked.tell(request, **exit_of(status))
            asked.tell_why(request, str(status.get("message") or "the program ended"))
            await client.finish(status)
    except asyncio.CancelledError:
        asked.tell_why(request, "the server stops")
        raise
    finally:
        client.abort()


async def _ended(client: Client, run: Callable[[Client], Awaitable[Status | None]]) -> Status | None:
    try:
        await client.ready()
        return await run(client)
    except errors.KohakuRiverError as error:
        return failed(error)


async def _join(
    request: web.Request, client: Client, inside: Inside, said_before: Sequence[Said] = ()
) -> Status | None:
    """How the program ended; None where its client has gone before. Raises Unreachable."""
    ended: list[Status] = []
    came = went = 0

    async def take(said: Said) -> None:
        nonlocal came
        if isinstance(said, Typed):
            came += len(said.data)
        await inside.say(said)

    async def typing() -> None:
        for said in said_before:
            await take(said)
        while (newer := await client.receive()) is not None:
            await take(newer)

    async def showing() -> None:
        nonlocal went
        while isinstance(heard := await inside.hear(), Output):
            went += len(heard.data)
            await client.send(heard.channel, heard.data)
        ended.append(heard)

    async def leaving() -> None:
        await client.gone()
        await asyncio.sleep(TAKEN_WITHIN)

    try:
        await asked.first_of(typing(), showing(), leaving())
    finally:
        asked.tell(request, bytesIn=came, bytesOut=went)
    if ended:
        return ended[0]
    asked.tell_why(request, "the client closed it")
    return None


def spoken(request: web.Request) -> Dialect:
    """The protocol of a command's client. Raises BadRequest."""
    return agreed(request, websocket=channels.PROTOCOLS, spdy=spdy_client.PROTOCOLS)


def read(query: Mapping[str, str]) -> Wanted:
    """Which streams the query asks for. Raises BadRequest."""
    tty = flag(query, "tty")
    wanted = Wanted(
        stdin=flag(query, "stdin"),
        stdout=flag(query, "stdout"),
        stderr=flag(query, "stderr") and not tty,
        tty=tty,
    )
    if not (wanted.stdin or wanted.stdout or wanted.stderr):
        raise errors.BadRequest("none of stdin, stdout and stderr is asked for", hint="ask for one of them")
    return wanted
