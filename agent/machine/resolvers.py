"""Which nameservers the engine asks, and which of them are this very node: a dnsmasq or unbound on one of its
own addresses.

The engine's resolver asks a nameserver that is no loopback address from the container's own namespace, so
`isolation.py` has to let these questions in, or out. Reads what the engine reads; writes nothing.
"""

import ipaddress
import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

RESOLV_CONF = Path("/etc/resolv.conf")
UPSTREAM = Path("/run/systemd/resolve/resolv.conf")  # read instead where the first names systemd's stub alone
DAEMON = Path("/etc/docker/daemon.json")


def own(
    files: Sequence[Path] = (RESOLV_CONF, UPSTREAM),
    daemon: Path = DAEMON,
    is_here: Callable[[str], bool] | None = None,
) -> tuple[str, ...]:
    """The IPv4 addresses of those that are this node, in order. What cannot be read names none."""
    return tuple(filter(is_here or _is_here, named(files, daemon)))


def named(files: Sequence[Path] = (RESOLV_CONF, UPSTREAM), daemon: Path = DAEMON) -> tuple[str, ...]:
    """The IPv4 addresses of all of them."""
    found = [name for file in files for name in _nameservers(file)] + _of_daemon(daemon)
    return tuple(sorted(set(filter(_is_outer, found))))


def _nameservers(file: Path) -> list[str]:
    lines = _text(file).splitlines()
    return [words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == "nameserver"]


def _of_daemon(file: Path) -> list[str]:
    """The engine's own setting, which counts before the machine's."""
    try:
        named = json.loads(_text(file) or "{}").get("dns") or ()
    except (ValueError, AttributeError):
        return []
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def _is_outer(name: str) -> bool:
    """Whether the engine asks it from the container. VPSes have no IPv6."""
    try:
        address = ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return not address.is_loopback and not address.is_unspecified


def _is_here(address: str) -> bool:
    """Whether it is an address of this machine: only then can it be bound to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
