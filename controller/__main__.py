"""`python -m kohakuriver.controller`: reads options and runs one controller until a signal ends it."""

import argparse
import asyncio
import contextlib
import logging
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from kohakuriver import __version__, durations, errors, logs
from kohakuriver.client import config
from kohakuriver.client.rest import Client
from kohakuriver.clock import SystemClock
from kohakuriver.controller import metrics
from kohakuriver.controller.deciding.nodes import Limits
from kohakuriver.controller.deciding.schedule import Strategy
from kohakuriver.controller.program import Controller, Options

log = logging.getLogger(__name__)

ABOUT = """\
Assigns pending VPSes to nodes, and marks nodes and their VPSes as lost when they fall silent.
Any number of controllers may run for one cluster: one leads, the others take over within 15 s."""

EPILOG = """\
A VPS that fits nowhere says why in its status (`kohakuriver get vps`, `kohakuriver describe vps NAME`).
Durations are written as 10s, 2m or 1h30m. The exit code is 0 after SIGINT or SIGTERM,
1 when something failed, 2 when the options or the config file are wrong."""


def _duration(text: str) -> float:
    try:
        seconds = durations.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f'"{text}": must be longer than nothing')
    return seconds


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f'invalid address "{text}": write one such as 127.0.0.1:9102')
    return host.strip("[]") or "127.0.0.1", int(port)


def parser() -> argparse.ArgumentParser:
    """The options. `prog` is what a person typed."""
    made = argparse.ArgumentParser(
        prog="kohakuriver controller",
        description=ABOUT,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    option = made.add_argument
    option("--config", metavar="FILE", help="kubeconfig-format file (default: KOHAKURIVER_CONFIG)")
    option("--context", metavar="NAME", help="the context in it (default: its current one)")
    option(
        "--strategy",
        choices=[each.value for each in Strategy],
        default=Strategy.SPREAD.value,
        help="spread: the emptiest node first; pack: the fullest that still fits (default: %(default)s)",
    )
    shipped = Limits()
    for name, seconds, words in (
        ("--loss-timeout", shipped.loss, "silence after which a node is lost"),
        ("--tick", shipped.tick, "time between two looks at all nodes"),
        ("--hold", shipped.hold, "patience with nodes not heard yet after a start or an outage"),
    ):
        option(name, type=_duration, default=seconds, metavar="TIME", help=f"{words} (default: {seconds:g}s)")
    option("--metrics-listen", type=_address, metavar="ADDR", help="serve /metrics on this HOST:PORT")
    option("-v", "--verbose", action="store_true", help="log more")
    option("--version", action="version", version=f"%(prog)s {__version__}")
    return made


async def serve(options: argparse.Namespace, connection: config.Connection) -> None:
    """Run one controller until SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def take_signals() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)

    take_signals()
    identity = f"{socket.gethostname()}-{secrets.token_hex(4)}".lower()
    limits = Limits(loss=options.loss_timeout, tick=options.tick, hold=options.hold)
    chosen = Options(identity=identity, strategy=Strategy(options.strategy), limits=limits)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(connection, program="controller"))
        controller = Controller(client, connection, options=chosen, clock=SystemClock())
        if options.metrics_listen:
            host, port = options.metrics_listen
            await stack.enter_async_context(metrics.serving(controller.metrics, host=host, port=port))
        log.info("controller started", extra={"identity": identity, "server": connection.server})
        await controller.run(stop, started=take_signals)
    log.info("controller stopped", extra={"identity": identity})


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = parser().parse_args(arguments)
    try:
        connection = config.load(options.config, context=options.context)
    except errors.ConfigError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return 2
    logs.configure(logging.DEBUG if options.verbose else logging.INFO)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(serve(options, connection))
        except OSError as error:  # of --metrics-listen; the API's are errors of ours
            log.error("the controller cannot start", extra={"error": str(error)})
            return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's, where there is one for this machine."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


if __name__ == "__main__":
    sys.exit(main())
