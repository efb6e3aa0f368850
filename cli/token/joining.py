"""The one command that makes another machine a node, from where we reach the API ourselves.

    curl, with the cluster's own authority alone ── what the API server hands out ── agent --join

Everybody on a machine reads the command lines of its processes, `sudo`'s among them. So the token comes by
standard input and goes on by the environment, which only root and the processes' owner read. curl reads it
from its standard input. The authority, and not a server's key, is what is trusted: a load balancer and a
renewed certificate change nothing.
"""

import base64
import ipaddress
import shlex
import urllib.parse
from pathlib import Path

from kohakuriver import wheel
from kohakuriver.cli import failures, screen
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.client import authority, config
from kohakuriver.client.config import Connection

_NO_CURL = "curl is not installed here: apt-get install curl, and run this again"
_REFUSED = "the API server did not hand out KohakuRiver; another token: kohakuriver node join"


def _script(ca: bytes | None) -> str:
    """For sh. $1 is the API server; all arguments are those of the agent behind --join."""
    # Without --capath curl would trust the authorities of the system beside the cluster's own.
    trusted = '--cacert "$d/ca" --capath "$d" ' if ca else ""
    header = f'printf "header = \\"Authorization: Bearer %s\\"" "${config.JOIN_TOKEN}"'
    curl = 'curl -q -fsS --noproxy "*" --proto =https --retry 9 --retry-max-time 120'
    steps = [
        "set -eu",
        f'[ -n "${{{config.JOIN_TOKEN}:-}}" ] || read -r {config.JOIN_TOKEN}',
        f"export {config.JOIN_TOKEN}",
        f'command -v curl >/dev/null || {{ echo "{_NO_CURL}" >&2; exit 1; }}',
        "d=$(mktemp -d)",
        'trap "rm -rf \\"\\$d\\"" EXIT',
        *([f'echo {base64.b64encode(ca).decode()} | base64 -d >"$d/ca"'] if ca else []),
        f'{header} | {curl} {trusted}-K - -o "$d/t" "$1{wheel.HANDED_OUT}" || '
        f'{{ echo "{_REFUSED}" >&2; exit 1; }}',
        'tar -xf "$d/t" -C "$d"',
        'bash "$d/join.sh" "$@"',
    ]
    return "; ".join(steps)


def command(holder: Connection, token: str, *, node: str | None) -> str:
    """The line to type, as root, on a machine without KohakuRiver. Raises UsageError where no machine could
    join."""
    words = ["sh", "-c", _script(holder.ca), "sh", *_words(holder, node)]
    return f"{shlex.join(words)} <<<{shlex.quote(token)}"


def installed_command(holder: Connection, token: str, *, node: str | None) -> str:
    """The line to type, as root, where KohakuRiver is installed. Raises UsageError."""
    words = ["kohakuriver", "agent", "--join", *_words(holder, node), "--token", "-", "--install-service"]
    return f"{shlex.join(words)} <<<{shlex.quote(token)}"


def _words(holder: Connection, node: str | None) -> list[str]:
    """The arguments of the agent, from the server's address on."""
    if not holder.server.startswith("https://"):
        raise failures.UsageError(
            f"no machine joins over {holder.server}: the token would lie open",
            hint="name the https:// address of the API with --server",
        )
    words = [holder.server]
    if holder.ca:
        words += ["--ca-hash", authority.hash_of(holder.ca)]
    if node:
        words += ["--node", node]
    return words


def warn(holder: Connection, file: Path) -> None:
    """What is in the way, before anything else is said. `file` is the config file that was read."""
    host = urllib.parse.urlsplit(holder.server).hostname or ""
    if _is_loopback(host):
        files = ClusterFiles.at(file.parent)
        where = (
            f" --data-dir {shlex.quote(str(files.root))}" if files.is_ours and not files.is_default else ""
        )
        screen.warn(
            f"{host} is this machine alone; for others: kohakuriver down{where}, then "
            f"kohakuriver up{where} --listen 0.0.0.0 --advertise HOST, with --detach or --install-service"
        )


def tell(holder: Connection, token: str, *, node: str | None, ttl: str, name: str) -> None:
    """The command, and what to do with it. What stdout has is one command, and comments."""
    screen.out(command(holder, token, node=node))
    screen.out("# where KohakuRiver is installed already:")
    screen.out(f"# {installed_command(holder, token, node=node)}")
    screen.note(
        f"run the first line on the new machine, as root or with sudo in front, within {ttl}: it installs "
        "KohakuRiver there, and the machine is a node from then on, after a boot too. It needs curl. "
        "Options of kohakuriver agent may follow. "
        f"Take it back: kohakuriver token revoke {name}"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
