"""The API servers of a cluster, as they have registered themselves.

Every API server keeps a Lease `apiserver-ID` in the system namespace, with its address in an annotation; the
store drops the Lease when its server has not renewed it for `LIFETIME`. So a Lease that is there is a server
that was there a moment ago, and no clock of another machine is asked. Pure.

    registered(lease for lease in informer)   →   (RegisteredServer(id="…", url="https://10.0.0.1:6443"), …)
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from kohakuriver.readable import NONSENSE
from kohakuriver.resources import kinds

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
    found: list[RegisteredServer] = []
    for lease in leases:
        with contextlib.suppress(*NONSENSE):
            server = _server(lease)
            found += [server] if server is not None else []
    return tuple(sorted(found))


def lease_name(id_: str) -> str:
    """The name of a server's Lease."""
    return f"apiserver-{id_}"


def _server(lease: Mapping[str, Any]) -> RegisteredServer | None:
    metadata, spec = lease.get("metadata") or {}, lease.get("spec") or {}
    url = (metadata.get("annotations") or {}).get(ADVERTISED)
    holder = spec.get("holderIdentity")
    if (metadata.get("labels") or {}).get(COMPONENT) != APISERVER or metadata.get("deletionTimestamp"):
        return None
    if not url or not holder or metadata.get("name") != lease_name(holder):
        return None
    return RegisteredServer(str(holder), str(url).rstrip("/"))
