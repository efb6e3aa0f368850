"""The API servers of a cluster, as they have registered themselves.

Every API server keeps a Lease `apiserver-ID` in the system namespace, with its address in an annotation; the
store drops the Lease when its server has not renewed it for `LIFETIME`. So a Lease that is there is a server
that was there a moment ago, and no clock of another machine is asked. Pure.

    registered(lease for lease in informer)   →   (RegisteredServer(id="…", url="https://10.0.0.1:6443"), …)
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from kohakuriver.resources import kinds
from kohakuriver.resources.view import Lease

COMPONENT = "kohakuriver.io/component"  # a label
APISERVER = "apiserver"
ADVERTISED = "kohakuriver.io/advertised-url"  # an annotation
SELECTOR = f"{COMPONENT}={APISERVER}"  # what an informer on the Leases of NAMESPACE asks for
NAMESPACE = kinds.SYSTEM_NAMESPACE
LIFETIME = 15.0  # seconds after its last renewal in which a Lease is there


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class RegisteredServer:
    """One API server that is there."""

    id: str  # one run of its process
    url: str


def registered(leases: Iterable[Mapping[str, Any]]) -> tuple[RegisteredServer, ...]:
    """The servers that these Leases stand for, in the order of their ids; other Leases, and nonsense, are
    passed over."""
    found = (_server(lease) for lease in leases)
    return tuple(sorted(server for server in found if server is not None))


def lease_name(id_: str) -> str:
    """The name of a server's Lease."""
    return f"apiserver-{id_}"


def _server(lease: Mapping[str, Any]) -> RegisteredServer | None:
    found = Lease.of(lease)
    url, holder = found.annotations.get(ADVERTISED), found.holder
    if found.labels.get(COMPONENT) != APISERVER or found.is_terminating:
        return None
    if not url or not holder or found.name != lease_name(holder):
        return None
    return RegisteredServer(holder, url.rstrip("/"))
