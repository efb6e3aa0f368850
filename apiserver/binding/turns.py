"""Transactions on one node's record take turns within this process, so as not to keep undoing each other.

A courtesy, not what makes them safe: that is the comparison in the store, which other API servers meet too.
So nobody waits for its turn for long, and least of all while the store is silent.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator

from kohakuriver.apiserver.store.base import Store

PATIENCE = 0.5  # seconds

_locks: weakref.WeakKeyDictionary[Store, weakref.WeakValueDictionary[str, asyncio.Lock]] = (
    weakref.WeakKeyDictionary()
)


@contextlib.asynccontextmanager
async def turn(store: Store, node: str, *, patience: float = PATIENCE) -> AsyncIterator[None]:
    """Wait for the others on this node, or whatever else has this name, for so many seconds at most."""
    lock = _locks.setdefault(store, weakref.WeakValueDictionary()).setdefault(node, asyncio.Lock())
    held = False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            held = await lock.acquire()
    try:
        yield
    finally:
        if held:
            lock.release()
