"""The real API server in a thread of its own, for tests that speak to it through plain blocking sockets."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from tests.apiserver.api import Api, running_api


@contextlib.contextmanager
def background_api(
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None, **options: Any
) -> Iterator[Api]:
    """A server over the in-memory store; the options are those of `running_api`. `beside` runs beside it."""
    started: list[Api] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with running_api(**options) as api:
            started.append(api)
            other = asyncio.create_task(beside()) if beside is not None else None
            ready.set()
            await stop.wait()
            if other is not None:
                other.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="api server")
    thread.start()
    try:
        assert ready.wait(60), "the server did not start"
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def address(api: Api) -> tuple[str, int]:
    host, _, port = api.url.partition("://")[2].partition(":")
    return host, int(port)


def converse(api: Api, *pieces: bytes, patience: float = 60.0, half_close: bool = True) -> bytes:
    """Send the pieces; everything that comes back until the server closes. Raises TimeoutError for a hang."""
    with socket.create_connection(address(api), timeout=patience) as wire:
        with contextlib.suppress(
            OSError
        ):  # the server may close first; a full pipe it does not read is no hang
            for piece in pieces:
                wire.sendall(piece)
            if half_close:
                wire.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while chunk := wire.recv(65536):
                answer += chunk
        return answer
