"""What the programs have in common: the event loop, signals, how an error is told, metrics for Prometheus.

aiohttp is imported where metrics are served: the command uses the event loop of this file, and no server.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from kohakuriver import errors

if TYPE_CHECKING:
    from aiohttp import web

    from kohakuriver.options import Address

FAILED, REFUSED = 1, 2  # exit codes: something went wrong; the options or a file are wrong
_ENDS_WITHIN = 5.0  # seconds for scrapes that are under way


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The maker of uvloop's event loops where this machine has uvloop, else of asyncio's."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def at_signals(act: Callable[[], object]) -> None:
    """Have SIGTERM and SIGINT call this in the running loop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, act)


def cancel_at_signals() -> None:
    """Have SIGTERM and SIGINT cancel the task that calls this."""
    task = asyncio.current_task()
    assert task is not None, "called from a coroutine"  # noqa: S101
    at_signals(task.cancel)


def refused(error: errors.KohakuRiverError) -> int:
    """Tell why the program does not start; the exit code."""
    sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
    return REFUSED


def failed(log: logging.Logger, error: errors.KohakuRiverError) -> int:
    """Log why the program ends; the exit code."""
    log.error(error.message, extra={"hint": error.hint} if error.hint else {})
    return FAILED


def metrics_application(render: Callable[[], bytes]) -> "web.Application":
    """An application of the one path /metrics, which answers what `render` returns."""
    import prometheus_client
    from aiohttp import web

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=render(), headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    return application


@contextlib.asynccontextmanager
async def metrics_served(render: Callable[[], bytes], address: "Address | None") -> AsyncIterator[None]:
    """Answer /metrics there, if anywhere, until the block ends. Raises ConfigError."""
    if address is None:
        yield
        return
    from aiohttp import web

    runner = web.AppRunner(metrics_application(render), access_log=None, shutdown_timeout=_ENDS_WITHIN)
    await runner.setup()
    try:
        await _listen(web.TCPSite(runner, address.host, address.port), address)
        yield
    finally:
        await runner.cleanup()


async def _listen(site: "web.TCPSite", address: "Address") -> None:
    try:
        await site.start()
    except OSError as error:
        raise errors.ConfigError(
            f"cannot serve metrics on {address}: {_why(error)}",
            hint="another program may hold the port: choose one with --metrics-listen",
        ) from error


def _why(error: OSError) -> str:
    """The system's own words: an event loop puts the address before them, and that stands there already."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
