"""One request for a stream of a VPS as a Pod: judged, told to the audit log, joined to one of our streams.

What is refused is refused before anything is upgraded, and in one sentence: kubectl shows the message of a
`Status` alone.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import VISIT
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming import opening
from kohakuriver.apiserver.streaming.reach import Target
from kohakuriver.streams.stream import Stream

CONTAINER: Final = "vps"  # the one container of every Pod that shows a VPS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def in_a_sentence(handler: Handler) -> Handler:
    """The handler, whose refusals say in their message what to do next."""

    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except errors.ApiError as error:
            raise errors.from_status({**error.to_status(), "message": error.in_one_message}) from error

    return handle


def check_container(request: web.Request, name: str) -> None:
    """Raise BadRequest where another container is asked for than the one that there is."""
    container = request.query.get("container", "")
    if container not in ("", CONTAINER, name):
        raise errors.BadRequest(
            f'{name} has no container "{container[:100]}"', hint=f"leave it out, or name it {CONTAINER}"
        )


@contextlib.asynccontextmanager
async def stream(call: Call, kind: str, found: Target, query: opening.Query) -> AsyncIterator[Stream]:
    """One of our streams into the VPS, as its client has it; ended with the block. Raises ApiError."""
    async with opening.opened(call, kind, found, query) as (there, first):
        made = Stream(masks=True)
        made.framed.adopt(there, first)
        try:
            yield made
        finally:
            made.close()


def tell(request: web.Request, **shown: object) -> None:
    """In the line at the stream's end."""
    request[VISIT].shown |= shown


def tell_why(request: web.Request, reason: str) -> None:
    """Why it ended, in that line."""
    request[VISIT].reason = reason


async def first_of(*work: Awaitable[None]) -> None:
    """Until one of them is done; the others are ended. Raises what that one raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
