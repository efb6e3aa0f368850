"""gRPC's errors become the store's, once, here.

The question that matters for a write is whether it may have happened. Only answers that etcd or
gRPC give before anything is proposed count as *not done*; whatever is not known to be one of
those is *unknown*, so a wording that changes in a later release errs on the safe side.
"""

from typing import Any

import grpc

from kohakuriver.apiserver.store.base import (
    StoreCompacted,
    StoreError,
    StoreFull,
    StoreFuture,
    StoreRefused,
    StoreTimeout,
    StoreTooLarge,
    StoreUnavailable,
)

NOT_DONE = (
    "etcdserver: no leader",  # said on arrival, because every call asks for a leader
    "etcdserver: too many requests",  # said before the proposal
    "failed to connect to all addresses",  # gRPC had no connection to send on
    "DNS resolution failed",
)
TOO_LARGE = ("request is too large", "too many operations in txn", "message larger than max")
STALE_TOKEN = ("invalid auth token", "revision of auth store is old")
FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


class StaleToken(StoreUnavailable):
    """The login has to be repeated; nothing was done."""


class LeaseLost(StoreUnavailable):
    """The lease of a put is gone; nothing was done."""


def translate(error: Any, *, endpoint: str, writes: bool) -> StoreError:
    """What an AioRpcError means; `writes` when the call could have changed something."""
    code, text = error.code(), str(error.details() or "no details")
    by_wording = _by_wording(text)
    if by_wording is not None:
        return by_wording
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return StoreTimeout(f"etcd at {endpoint} did not answer in time")
    if code in FINAL:
        return StoreRefused(
            f"etcd at {endpoint} refuses: {text}",
            hint="check the etcd user, password, and permissions on the prefix",
        )
    if writes and not any(words in text for words in NOT_DONE):
        return StoreTimeout(f"etcd at {endpoint} broke off, the outcome is unknown: {text}")
    return unavailable(endpoint, text)


def unavailable(endpoint: str, why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"etcd at {endpoint} is unavailable: {why}",
        hint="check that etcd runs, and the endpoints and certificates given",
    )


def _by_wording(text: str) -> StoreError | None:
    if "database space exceeded" in text:
        return StoreFull(
            "etcd has raised the alarm NOSPACE: it is out of space and takes no writes",
            hint="compact and defragment etcd or raise its quota, then disarm the alarm (docs/operations.md)",
        )
    if "corrupt" in text:
        return StoreUnavailable(
            "etcd has raised the alarm CORRUPT: its members hold different data",
            hint="replace the member that etcd's own log names, or restore a backup (docs/operations.md)",
        )
    if "has been compacted" in text:
        return StoreCompacted()
    if "future revision" in text:
        return StoreFuture("etcd has not reached that revision")
    if any(words in text for words in TOO_LARGE):
        return StoreTooLarge(f"etcd takes no request of this size: {text}")
    if any(words in text for words in STALE_TOKEN):
        return StaleToken("the etcd login has expired")
    if "requested lease not found" in text:
        return LeaseLost("the etcd lease has expired")
    return None
