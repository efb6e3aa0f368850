"""What is told of a stream: what it was opened for, how much passed through it, and how it ended.

The server reads nothing of what it copies but what a client asks of files (`filework.py`) and the last bytes,
once all is over: there the agent says the program's exit code, or why it ended the stream.
"""

import asyncio
import contextlib
import functools
import shlex
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from kohakuriver.apiserver.audit.visit import VISIT, Visit, happened
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.streaming.fileanswers import FileAnswers
from kohakuriver.apiserver.streaming.filework import FileWork
from kohakuriver.apiserver.streaming.relay import is_relayed
from kohakuriver.printable import cut
from kohakuriver.streams.splice import Passed
from kohakuriver.streams.words import last_words

LONGEST: Final = 1024  # characters of a command, and of whatever else was asked for
_KEPT: Final = ("session", "host", "port", "protocol", "tail", "since", "snapshot")


def asked(kind: str, request: web.Request) -> dict[str, object]:
    """What the stream is for, as its query has it; a command is quoted as a shell would need it."""
    query = request.query
    told: dict[str, object] = {key: cut(query[key], LONGEST) for key in _KEPT if key in query}
    if "command" in query and kind in ("exec", "terminal"):
        told["command"] = cut(shlex.join(query.getall("command")), LONGEST)
    if is_relayed(request):
        told["relayed"] = True  # the address is another API server's, whose own line has the client's
    return told


@contextlib.contextmanager
def counted(request: web.Request) -> Iterator[tuple[Passed, Passed]]:
    """While bytes pass: what came from the client and from the node; told with the stream's end."""
    visit = request[VISIT]
    client, node = _from_client(request), _from_node(request)
    try:
        yield client, node
    except asyncio.CancelledError:
        visit.reason = "the server stops"
        raise
    finally:
        visit.shown |= {"bytesIn": client.count, "bytesOut": node.count}
        if isinstance(client, FileWork) and client.left_out:
            visit.shown["left_out"] = client.left_out
        if isinstance(node, FileAnswers):
            visit.shown |= node.shown()
        if client.ended_first or node.ended_first:
            visit.reason = _why(visit, client, node)


def _from_client(request: web.Request) -> Passed:
    if request[VISIT].shown.get("kind") != "files":
        return Passed()
    return FileWork(functools.partial(happened, request, "file"), request.app[SERVER].clock.monotonic)


def _from_node(request: web.Request) -> Passed:
    return FileAnswers() if request[VISIT].shown.get("kind") == "files" else Passed()


def _why(visit: Visit, client: Passed, node: Passed) -> str:
    match last_words(node.last):
        case {"exit": {"code": int(code)}}:
            visit.shown["exit"] = code
            return "the program ended"
        case {"end": {"reason": str(reason)}} | {"error": {"reason": str(reason)}}:
            return cut(reason, LONGEST)
    return "the client closed it" if client.ended_first else "the node closed it"
