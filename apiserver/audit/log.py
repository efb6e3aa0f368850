"""The log of requests while a server runs: refusals are sampled, and what matters is in a file of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from kohakuriver.apiserver.audit.file import AuditFile
from kohakuriver.apiserver.audit.refusals import LOG, Refusals
from kohakuriver.apiserver.audit.writer import Behind
from kohakuriver.clock import Clock


@contextlib.asynccontextmanager
async def kept(clock: Clock, file: Path | None) -> AsyncIterator[None]:
    """Raises ConfigError for a file that cannot be meant."""
    handler = Behind(AuditFile(file)) if file is not None else None
    refusals = Refusals(clock)
    LOG.addFilter(refusals)
    if handler is not None:
        LOG.addHandler(handler)
    telling = asyncio.create_task(refusals.run(), name="refusals")
    try:
        yield
    finally:
        telling.cancel()
        refusals.tell()
        LOG.removeFilter(refusals)
        if handler is not None:
            LOG.removeHandler(handler)
            handler.close()
