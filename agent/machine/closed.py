"""Where VPSes may not go, out of all that lies beyond their node: what answers for the machines they run on,
and the cluster's own servers. isolation.py writes it into the packet filter.

The API servers are those that the agent knows. Where etcd is it does not know: it is taken to be on their
machines, at its usual ports. Names are looked up again and again, and never waited for for long.
"""

import ipaddress
import socket
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Final

from kohakuriver.agent.machine.look import Look

# What clouds say to a machine about itself, its credentials among it. IPv6's (fd00:ec2::254) needs no rule:
# VPSes have no IPv6.
METADATA: Final = (
    "169.254.0.0/16",  # link-local: nearly all of them
    "168.63.129.16/32",  # Azure's wire server
    "100.100.100.200/32",  # Alibaba
    "192.0.0.192/32",  # Oracle's older one
)
ETCD: Final = "2379:2380"
_PATIENCE: Final = 2.0  # seconds that a look at the rules waits for names; the lookup goes on
_PORTS: Final = {"https": 443, "http": 80}

Resolve = Callable[[str], Sequence[str]]
Place = tuple[str, str]  # an IPv4 address and its port, or first:last


class Servers:
    """The cluster's own servers, as addresses and ports."""

    def __init__(
        self,
        urls: Callable[[], Sequence[str]] = tuple,
        threads: Executor | None = None,
        *,
        resolve: Resolve | None = None,
    ) -> None:
        self._urls = urls
        self._resolve = resolve or addresses
        self._look: Look[Mapping[str, Sequence[str]]] = Look(
            "the addresses of the API servers", threads, patience=_PATIENCE
        )
        self._known: dict[str, Sequence[str]] = {}  # of names, as they were last told

    async def places(self) -> tuple[Place, ...]:
        """In order. A name that is not told counts for what it was."""
        ends = [_end(url) for url in self._urls()]
        names = sorted({host for host, _ in ends if host and _literal(host) is None and host != "localhost"})
        if names:
            await self._look_up(names)
        found: set[Place] = set()
        for host, port in ends:
            for address in [host] if _literal(host) else self._known.get(host, ()):
                if _is_reached_from_a_vps(address):
                    found |= {(address, str(port)), (address, ETCD)}
        return tuple(sorted(found))

    async def _look_up(self, names: Sequence[str]) -> None:
        try:
            told = await self._look.take(lambda: {name: self._resolve(name) for name in names})
        except TimeoutError:
            return
        self._known |= {name: found for name, found in told.items() if found}


def addresses(name: str) -> Sequence[str]:
    """What a name stands for, in IPv4; nothing where nobody knows. Blocking."""
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return sorted({str(row[4][0]) for row in found})


def is_metadata(address: str) -> bool:
    """Whether it lies in what is closed whole."""
    found = _literal(address)
    return found is not None and any(found in ipaddress.ip_network(network) for network in METADATA)


def _end(url: str) -> tuple[str, int]:
    """The host, empty where there is none, and the port."""
    try:
        split = urllib.parse.urlsplit(url)
        return split.hostname or "", split.port or _PORTS.get(split.scheme, 443)
    except ValueError:
        return "", 0


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_reached_from_a_vps(address: str) -> bool:
    """Loopback is a VPS's own, and they have no IPv6."""
    found = _literal(address)
    return isinstance(found, ipaddress.IPv4Address) and not found.is_loopback and not found.is_unspecified
