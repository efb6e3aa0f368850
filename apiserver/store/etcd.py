"""Store on etcd 3.4 or later, through its gRPC interface.

From aetcd only the generated stubs are used. `channel.py` carries requests and knows endpoints,
TLS, deadlines and login; `fault.py` names errors; `watch.py` and `lease.py` hold those loops. This
file turns the store's words into etcd's requests and the replies back. It caches nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aetcd import rpc

from kohakuriver.apiserver.store.base import (
    MAX_OPERATIONS,
    QUOTA,
    Batch,
    Delete,
    Page,
    Put,
    Record,
    Space,
    StoreCompacted,
    StoreConflict,
    check_writes,
)
from kohakuriver.apiserver.store.channel import Login, Wire, credentials_from, link_to, parse
from kohakuriver.apiserver.store.fault import LeaseLost
from kohakuriver.apiserver.store.keyspace import Keyspace
from kohakuriver.apiserver.store.lease import SharedLeases
from kohakuriver.apiserver.store.watch import follow
from kohakuriver.errors import ConfigError

PAGE_KEYS = 500  # in the first request of a list; then by the size of what came
PAGE_BYTES = 1024 * 1024


class EtcdStore:
    """Keys below one prefix of one etcd cluster."""

    def __init__(self, wire: Wire, *, prefix: str, quota: int = QUOTA) -> None:
        self._wire = wire
        self._quota = quota  # as etcd was started with: it does not tell
        self._space = Keyspace.below(prefix)
        self._leases = SharedLeases(wire)

    @classmethod
    async def connect(
        cls,
        endpoints: Sequence[str],
        *,
        prefix: str = "/kohakuriver/",
        ca: Path | None = None,
        cert: Path | None = None,
        key: Path | None = None,
        user: str | None = None,
        password: str | None = None,
        timeout: float = 5.0,
        quota: int = QUOTA,
    ) -> "EtcdStore":
        """Checks what was given; whether etcd answers, the first call tells."""
        if not endpoints:
            raise ConfigError("at least one etcd endpoint is needed")
        if (user is None) != (password is None):
            raise ConfigError("an etcd login needs both a user and a password")
        tls = any(file is not None for file in (ca, cert, key))
        parsed = [parse(endpoint, tls=tls) for endpoint in endpoints]
        credentials = None
        if any(secure for _, secure in parsed):
            credentials = await asyncio.to_thread(credentials_from, ca, cert, key)
        links = [link_to(address, credentials if secure else None) for address, secure in parsed]
        login = Login(user, password) if user is not None and password is not None else None
        return cls(Wire(links, login=login, timeout=timeout), prefix=prefix, quota=quota)

    async def get(self, key: str) -> Record | None:
        reply = await self._range(rpc.RangeRequest(key=self._space.encode(key)))
        return self._space.record(reply.kvs[0]) if reply.kvs else None

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        records: tuple[Record | None, ...] = ()
        revision = 0  # beyond one transaction's operations, the first one's revision is read on
        for at in range(0, max(len(keys), 1), MAX_OPERATIONS):
            reads = [self._read(key, revision) for key in keys[at : at + MAX_OPERATIONS]]
            reply = await self._wire.call(lambda link: link.kv.Txn, rpc.TxnRequest(success=reads))
            revision = revision or reply.header.revision
            records += self._found(reply)
        return records, revision

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str | None = None) -> Page:
        start, range_end = self._space.span(prefix, after=after)
        records: tuple[Record, ...] = ()
        step = PAGE_KEYS
        while True:
            count = min(step, limit - len(records)) if limit else step
            reply = await self._range(
                rpc.RangeRequest(key=start, range_end=range_end, limit=count, revision=revision)
            )
            revision = revision or reply.header.revision
            records += tuple(self._space.record(stored) for stored in reply.kvs)
            if not reply.more or len(records) == limit:
                return Page(records=records, revision=revision, more=reply.more)
            start = reply.kvs[-1].key + b"\0"
            step = max(1, PAGE_BYTES * len(reply.kvs) // reply.ByteSize())

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        check_writes(writes)
        try:
            return await self._commit(expect, writes)
        except LeaseLost:
            self._leases.forget()
            return await self._commit(expect, writes)

    async def _commit(self, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        request = rpc.TxnRequest(
            compare=[self._compare(key, revision) for key, revision in expect.items()],
            success=[await self._write(write) for write in writes],
            failure=[self._read(key) for key in expect],
        )
        reply = await self._wire.call(lambda link: link.kv.Txn, request, writes=bool(writes))
        if not reply.succeeded:
            found = self._found(reply)
            raise StoreConflict(dict(zip(expect, found, strict=True)), reply.header.revision)
        return int(reply.header.revision)

    def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        return follow(self._wire, self._space, prefix, start=start)

    async def revision(self) -> int:
        reply = await self._range(rpc.RangeRequest(key=self._space.encode(""), count_only=True))
        return int(reply.header.revision)

    async def surplus(self) -> int:
        await self.revision()  # linearizable: a member that just started has its log applied by then
        status = await self._wire.call(lambda link: link.maintenance.Status, rpc.StatusRequest())
        return int(status.raftAppliedIndex - status.header.revision)

    async def compact(self, revision: int) -> None:
        request = rpc.CompactionRequest(revision=revision)
        try:
            await self._wire.call(lambda link: link.kv.Compact, request, writes=True)
        except StoreCompacted:
            return  # somebody went further already

    async def alarms(self) -> tuple[str, ...]:
        reply = await self._wire.call(lambda link: link.maintenance.Alarm, rpc.AlarmRequest())
        return tuple(sorted({rpc.AlarmType.Name(member.alarm) for member in reply.alarms}))

    async def space(self) -> Space:
        status = await self._wire.call(lambda link: link.maintenance.Status, rpc.StatusRequest())
        return Space(used=int(status.dbSizeInUse), file=int(status.dbSize), quota=self._quota)

    async def version(self) -> str:
        """Of the etcd that answers."""
        status = await self._wire.call(lambda link: link.maintenance.Status, rpc.StatusRequest())
        return str(status.version)

    async def lifetimes(self, *, revision: int) -> dict[str, float]:
        """The seconds that are left to each key with a lease, of those there at `revision`."""
        leases = await self._leased(revision)
        left = {lease: await self._left(lease) for lease in set(leases.values())}
        return {key: left[lease] for key, lease in leases.items()}

    async def _leased(self, revision: int) -> dict[str, int]:
        """The leases of keys, by key."""
        found: dict[str, int] = {}
        start, range_end = self._space.span("")
        while True:
            reply = await self._range(
                rpc.RangeRequest(
                    key=start, range_end=range_end, limit=PAGE_KEYS, revision=revision, keys_only=True
                )
            )
            found |= {self._space.decode(stored.key): stored.lease for stored in reply.kvs if stored.lease}
            if not reply.more:
                return found
            start = reply.kvs[-1].key + b"\0"

    async def _left(self, lease: int) -> float:
        request = rpc.LeaseTimeToLiveRequest(ID=lease)
        reply = await self._wire.call(lambda link: link.lease.LeaseTimeToLive, request)
        return max(0.0, float(reply.TTL))  # -1: it is over

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _range(self, request: Any) -> Any:
        return await self._wire.call(lambda link: link.kv.Range, request)

    def _compare(self, key: str, revision: int) -> Any:
        return rpc.Compare(
            key=self._space.encode(key),
            target=rpc.Compare.MOD,
            result=rpc.Compare.EQUAL,
            mod_revision=revision,
        )

    def _read(self, key: str, revision: int = 0) -> Any:
        read = rpc.RangeRequest(key=self._space.encode(key), revision=revision)
        return rpc.RequestOp(request_range=read)

    async def _write(self, write: Put | Delete) -> Any:
        key = self._space.encode(write.key)
        if isinstance(write, Delete):
            return rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=key))
        lease = 0 if write.ttl is None else await self._leases.lasting(write.ttl)
        return rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=write.value, lease=lease))

    def _found(self, reply: Any) -> tuple[Record | None, ...]:
        """The records that a transaction's reads returned, in the order of its reads."""
        ranges = (response.response_range.kvs for response in reply.responses)
        return tuple(self._space.record(kvs[0]) if kvs else None for kvs in ranges)
