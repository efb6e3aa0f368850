"""Wiring: a store and credentials in, a running API server out.

`running` keeps the tasks behind the routes alive for as long as somebody is inside it: the cache, compaction
and the collection of what has lost its owner. When one of them fails, which none should, the whole server
ends with its error.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path

from aiohttp import web

from kohakuriver.apiserver.audit.renewals import Renewals
from kohakuriver.apiserver.auth.endpoint import ENDPOINTS
from kohakuriver.apiserver.booking import proofs
from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.cluster import open_cluster
from kohakuriver.apiserver.context import SERVER, Server
from kohakuriver.apiserver.expiry import Expiry
from kohakuriver.apiserver.identity.identity import TokenFile
from kohakuriver.apiserver.kubelet import routes as kubelet
from kohakuriver.apiserver.limits.limits import UNLIMITED, Limiter, Limits
from kohakuriver.apiserver.metrics import Metrics
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.apiserver.pages import files
from kohakuriver.apiserver.pages import routes as pages
from kohakuriver.apiserver.quota.ledger import Ledger
from kohakuriver.apiserver.registration import Registration, new_id
from kohakuriver.apiserver.serving import body, documents, expiring, installing, pace, routes, skew
from kohakuriver.apiserver.serving.middleware import METRICS, RENEWALS, door
from kohakuriver.apiserver.store.base import Store, StoreTimeout, StoreUnavailable
from kohakuriver.apiserver.store.compaction import Compaction
from kohakuriver.apiserver.store.fullness import Fullness
from kohakuriver.apiserver.store.lineage import Lineage
from kohakuriver.apiserver.streaming import routes as streams
from kohakuriver.apiserver.twice import Telling
from kohakuriver.apiserver.views import metrics as usage
from kohakuriver.apiserver.views import routes as views
from kohakuriver.apiserver.write.collection import Collection
from kohakuriver.clock import Clock

LOG = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def running(
    store: Store,
    *,
    clock: Clock,
    tokens: TokenFile,
    authority: bytes | None = None,
    advertise: str | None = None,
    limits: Limits = UNLIMITED,
    expiry: Expiry | None = None,
    default_quota: Mapping[str, int] | None = None,
    issuers: Issuers | None = None,
    page: Path = files.FOLDER,
) -> AsyncIterator[web.Application]:
    """The application with everything behind it, its cache filled. With `advertise`, the URL by which others
    reach it, it registers itself. `default_quota` holds in namespaces whose quotas do not name the same;
    `page` is where the files of the web page lie."""
    await until_store_answers(store)
    lineage = Lineage(store, clock)
    await open_cluster(lineage, clock)
    cache = Cache(lineage, clock=clock)
    server = Server(
        store=lineage.store,
        cache=cache,
        clock=clock,
        lineage=lineage,
        tokens=tokens,
        limiter=Limiter(limits, now=clock.monotonic),
        fullness=Fullness(lineage.store),
        proofs=await proofs.load(lineage.store),
        ledger=Ledger(cache, clock, default_quota or {}),
        issuers=issuers or Issuers(now=clock.monotonic),
        id=new_id(),
        authority=authority,
    )
    expiry = expiry or Expiry({}, clock)
    cache.sessions.changed = server.streams.holder_changed
    endless = (
        cache.run(),
        Compaction(lineage.store, clock).run(),
        Collection(server).run(),
        Telling(cache.sessions, lineage.store, clock).run(),
        expiry.run(),
        server.fullness.run(),
    )
    async with server.issuers.open(), _behind(*endless):
        try:
            await cache.loaded.wait()
            async with _registered(server, advertise):
                yield application(server, expiry, page)
        finally:
            cache.close()


@contextlib.asynccontextmanager
async def _registered(server: Server, url: str | None) -> AsyncIterator[None]:
    """Others find this server while the block runs."""
    if url is None:
        yield
        return
    serves = lambda: server.cache.ready  # noqa: E731
    registration = Registration(server.store, server.clock, id_=server.id, url=url, serves=serves)
    async with _behind(registration.run()):
        try:
            yield
        finally:
            await registration.remove()


@contextlib.asynccontextmanager
async def _behind(*endless: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs these beside the block. If one of them fails, the block is cancelled and its error raised."""
    owner = asyncio.current_task()
    tasks = [asyncio.create_task(coroutine) for coroutine in endless]

    def stop_owner(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and owner is not None:
            owner.cancel()

    for task in tasks:
        task.add_done_callback(stop_owner)
    try:
        yield
    finally:
        failed = [task for task in tasks if task.done() and not task.cancelled()]
        for task in tasks:
            task.remove_done_callback(stop_owner)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in failed:
            task.result()


async def until_store_answers(store: Store) -> None:
    """The store may start together with this server, or after it."""
    wait = 0.1
    while True:
        try:
            await store.revision()
            return
        except (StoreUnavailable, StoreTimeout) as error:
            LOG.warning("waiting for the store", extra={"error": str(error)})
            await asyncio.sleep(wait)
            wait = min(wait * 2, 2.0)


def application(server: Server, expiry: Expiry | None = None, page: Path = files.FOLDER) -> web.Application:
    """Routes and the door before them."""
    app = web.Application(middlewares=[door], client_max_size=body.LIMIT)
    app.on_response_prepare.append(skew.tell)
    app.on_response_prepare.append(pace.tell)
    app.on_response_prepare.append(expiring.tell)
    app[SERVER] = server
    app[pace.PACE] = pace.Pace()
    app[METRICS] = Metrics(server.cache)
    app[RENEWALS] = Renewals()
    app[expiring.EXPIRY] = expiry or Expiry({}, server.clock)
    app[METRICS].watch_expiry(app[expiring.EXPIRY])
    app[ENDPOINTS] = {}
    documents.add(app)
    installing.add(app)
    routes.add(app)
    views.add(app)
    usage.add(app)
    streams.add(app)
    kubelet.add(app)
    pages.add(app, page)
    return app
