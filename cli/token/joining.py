"""The one command that makes another machine a node, from where we reach the API ourselves."""

import ipaddress
import shlex
import urllib.parse

from kohakuriver.cli import failures, screen
from kohakuriver.client import authority, config
from kohakuriver.client.config import Connection


def command(holder: Connection, token: str, *, node: str | None) -> str:
    """The line to type there. Raises UsageError where no machine could join."""
    if not holder.server.startswith("https://"):
        raise failures.UsageError(
            f"no machine joins over {holder.server}: the token would lie open",
            hint="name the https:// address of the API with --server",
        )
    words = ["kohakuriver", "agent", "--join", holder.server]
    if holder.ca:
        words += ["--ca-hash", authority.hash_of(holder.ca)]
    if node:
        words += ["--node", node]
    # Everybody on a machine reads the command lines of its processes, but only root and their owner their
    # environment.
    return f"{config.JOIN_TOKEN}={shlex.quote(token)} {shlex.join(words)}"


def tell(holder: Connection, *, ttl: str, name: str) -> None:
    """What to do with it, and what may be in the way."""
    screen.note(f"run this on the new machine, as root, within {ttl}; `token revoke {name}` takes it back")
    host = urllib.parse.urlsplit(holder.server).hostname or ""
    if _is_loopback(host):
        screen.warn(
            f"{host} is this machine alone; for others: kohakuriver up --listen 0.0.0.0 --advertise HOST"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
