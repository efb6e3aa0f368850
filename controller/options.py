"""The command line of the controller, and what it means. Reads no file and starts nothing."""

import argparse
import dataclasses
import secrets
import socket
from collections.abc import Sequence

from kohakuriver import __version__, options
from kohakuriver.controller.deciding.nodes import Limits
from kohakuriver.controller.deciding.schedule import Strategy
from kohakuriver.controller.election import LEASE_NAME, Terms
from kohakuriver.options import Address, duration, metrics_address, option

ABOUT = """\
Assigns pending VPSes to nodes, and marks nodes and their VPSes as lost when they fall silent.
Any number of controllers may run for one cluster: one leads, the others take over within 15 s."""

EPILOG = """\
A VPS that fits nowhere says why in its status (`kohakuriver get vps`, `kohakuriver describe vps NAME`).
Durations are written as 10s, 2m or 1h30m. The exit code is 0 after SIGINT or SIGTERM,
1 when something failed, 2 when the options or the config file are wrong."""

_SHIPPED = Limits()


def _identity() -> str:
    """A name that no other controller has, and that says where this one runs."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}".lower()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this controller behaves."""

    config: str | None = option(
        "--config FILE",
        default=None,
        help="kubeconfig-format file (default: KOHAKURIVER_CONFIG)",
    )
    context: str | None = option(
        "--context NAME", default=None, help="the context in it (default: its current one)"
    )
    strategy: Strategy = option(
        "--strategy",
        default=Strategy.SPREAD,
        read=Strategy,
        choices=tuple(each.value for each in Strategy),
        help="spread: the emptiest node first; pack: the fullest that still fits (default: spread)",
    )
    loss_timeout: float = option(
        "--loss-timeout TIME",
        default=_SHIPPED.loss,
        read=duration,
        help=f"silence after which a node is lost (default: {_SHIPPED.loss:g}s)",
    )
    tick: float = option(
        "--tick TIME",
        default=_SHIPPED.tick,
        read=duration,
        help=f"time between two looks at all nodes (default: {_SHIPPED.tick:g}s)",
    )
    hold: float = option(
        "--hold TIME",
        default=_SHIPPED.hold,
        read=duration,
        help=f"patience with nodes not heard yet after a start or an outage (default: {_SHIPPED.hold:g}s)",
    )
    metrics_listen: Address | None = option(
        "--metrics-listen ADDR",
        default=None,
        read=metrics_address,
        help="serve /metrics on this HOST:PORT",
    )
    verbose: bool = option("-v", "--verbose", default=False, help="log more")
    identity: str = dataclasses.field(default_factory=_identity)
    terms: Terms = dataclasses.field(default_factory=Terms)
    lease: str = LEASE_NAME  # the one that the controllers of a cluster compete for

    @property
    def limits(self) -> Limits:
        """How patient to be."""
        return Limits(loss=self.loss_timeout, tick=self.tick, hold=self.hold)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """What the command line asks for. Exits with a usage message where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="kohakuriver controller",
        description=ABOUT,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    options.add(parser, Options)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return options.read(parser, Options, arguments)
