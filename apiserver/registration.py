"""This server makes itself known: a Lease in the system namespace, renewed while it serves, then gone.

The store itself drops the Lease of a server that was killed: it is written with a lifetime, and every renewal
writes it anew. A server that has lost sight of the store does not renew, so nobody is sent to it. Who reads
them: `registered_servers` here, and `kohakuriver.client.servers` in the clients.
"""

import asyncio
import contextlib
import logging
import re
import secrets
import socket
import uuid
from collections.abc import Callable
from typing import Any

from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.objects import selectors
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Store, StoreError
from kohakuriver.client import servers
from kohakuriver.client.servers import RegisteredServer
from kohakuriver.clock import Clock, micro_timestamp, timestamp
from kohakuriver.resources import kinds

LOG = logging.getLogger(__name__)

EVERY = servers.LIFETIME / 3
FAREWELL = 1.0  # seconds that removing the Lease may take
_SELECTION = selectors.select(kinds.LEASE, namespace=servers.NAMESPACE, labels=servers.SELECTOR)


def registered_servers(cache: Cache) -> tuple[RegisteredServer, ...]:
    """Every API server there is, this one among them once it has registered."""
    entries = cache.kinds[kinds.LEASE].select(_SELECTION)
    return servers.registered(entry.decoded() for entry in entries)


def new_id() -> str:
    """Names one run of a server: its machine, and chance."""
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:40].strip("-")
    return "-".join(part for part in (host, secrets.token_hex(4)) if part)


class Registration:
    """One server's Lease."""

    def __init__(
        self, store: Store, clock: Clock, *, id_: str, url: str, serves: Callable[[], bool] = lambda: True
    ) -> None:
        self._store = store
        self._clock = clock
        self._id = id_
        self._url = url
        self._serves = serves
        self._key = codec.key(kinds.LEASE, servers.NAMESPACE, servers.lease_name(id_))
        self._uid = str(uuid.uuid4())
        self._since = clock.now()
        self._failing = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(EVERY)

    async def step(self) -> None:
        """Renew the Lease, if this server serves."""
        if not self._serves():
            return
        try:
            put = Put(self._key, codec.encode(self._lease()), ttl=servers.LIFETIME)
            await self._store.commit(expect={}, writes=[put])
        except StoreError as error:
            if not self._failing:
                LOG.warning("this server could not register itself", extra={"error": str(error)})
            self._failing = True
        else:
            self._failing = False

    async def remove(self) -> None:
        """At a clean end: send nobody here any more."""
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._store.commit(expect={}, writes=[Delete(self._key)])

    def _lease(self) -> dict[str, Any]:
        return {
            "apiVersion": kinds.LEASE.api_version,
            "kind": kinds.LEASE.kind,
            "metadata": {
                "name": servers.lease_name(self._id),
                "namespace": servers.NAMESPACE,
                "uid": self._uid,
                "creationTimestamp": timestamp(self._since),
                "labels": {servers.COMPONENT: servers.APISERVER},
                "annotations": {servers.ADVERTISED: self._url},
            },
            "spec": {
                "holderIdentity": self._id,
                "leaseDurationSeconds": round(servers.LIFETIME),
                "acquireTime": micro_timestamp(self._since),
                "renewTime": micro_timestamp(self._clock.now()),
            },
        }
