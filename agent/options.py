"""What the agent's command line asks for. Reads no file, starts nothing; the options are the shared ones."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kohakuriver import __version__, options
from kohakuriver.agent.settings import Settings
from kohakuriver.agent_options import DEFAULT_SOCKET, engine_socket
from kohakuriver.client import config
from kohakuriver.options import option

_EPILOG = """\
The agent makes one machine's container engine match what is declared for it. It dials the API server; nothing
dials it. Ending it leaves every container running; started again, it finds them. It needs the engine's
socket (root, or a user in the group docker).

example: kohakuriver agent --config node.conf --node n1 --data-dir /var/lib/kohakuriver
"""
_PURGE = """\
Removes every container, network and volume that carries this cluster's label, and nothing else. What VPSes of
that cluster wrote on this machine is gone then.
"""


def _cluster(text: str) -> str:
    if len(text) < 8:
        raise ValueError(f'invalid cluster id "{text}": use at least 8 characters')
    return text


@dataclasses.dataclass(frozen=True, slots=True)
class Purge:
    """Remove everything of one cluster from this machine's engine."""

    cluster: str = option("--cluster ID", read=_cluster, help="the cluster's id")
    docker: str = option(
        "--docker-host SOCKET",
        default=DEFAULT_SOCKET,
        read=engine_socket,
        help=f"the engine's unix socket (default: unix://{DEFAULT_SOCKET})",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class RemoveService:
    """Take away the unit of the agent that works on this data directory."""

    data_dir: Path


def parse(arguments: Sequence[str]) -> Settings | Purge | RemoveService:
    """What the command line asks for. Exits with a usage message where it makes no sense."""
    if arguments and arguments[0] == "purge":
        purging = argparse.ArgumentParser(prog="kohakuriver agent purge", description=_PURGE)
        options.add(purging, Purge)
        return options.read(purging, Purge, arguments[1:])
    parser = _parser()
    found = options.read(parser, Settings, arguments)
    if found.ssh_port_range[0] > found.ssh_port_range[1]:
        parser.error("--ssh-port-range: the first port is above the last")
    if found.image_gc_low >= found.image_gc_high:
        parser.error("--image-gc-low: it must be below --image-gc-high")
    if found.check_options:
        parser.exit()
    if found.remove_service:
        if found.server or found.config:
            parser.error("--remove-service goes with --data-dir alone")
        return RemoveService(found.data_dir)
    return _with_token(parser, found)


def _with_token(parser: argparse.ArgumentParser, found: Settings) -> Settings:
    """The same with the token to join with, wherever it comes from."""
    if found.server is None:
        if found.token or found.ca_hash:
            parser.error("--token and --ca-hash go with --join")
        return found
    inherited = os.environ.pop(config.JOIN_TOKEN, "")  # and nothing that is started here inherits it
    token = found.token or inherited
    if token == "-":  # noqa: S105 - by which standard input is meant
        token = sys.stdin.readline().strip()
    if not token:
        parser.error("--join needs --token: `kohakuriver node join` prints the whole command")
    if found.config is not None:
        parser.error("--join and --config exclude each other: what joins keeps its config in --data-dir")
    return dataclasses.replace(found, token=token)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kohakuriver agent",
        description="Runs VPSes on this machine.",
        epilog=_EPILOG,
        allow_abbrev=False,  # `--tok SECRET` would stay on the command line
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add(parser, Settings)
    parser.add_argument("--version", action="version", version=__version__)
    return parser
