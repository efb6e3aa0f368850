"""Counters and gauges of one controller, served as Prometheus reads them where `--metrics-listen` says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import prometheus_client
from aiohttp import web
from prometheus_client import exposition


class Metrics:
    """What is counted."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self.bound = prometheus_client.Counter(
            "kohakuriver_controller_bound", "VPSes given to a node", registry=self.registry
        )
        self.refused = prometheus_client.Counter(
            "kohakuriver_controller_bind_failures",
            "Binds that were refused or whose outcome is unknown",
            ["reason"],
            registry=self.registry,
        )
        self.pending = prometheus_client.Gauge(
            "kohakuriver_controller_pending", "VPSes that wait for a node", registry=self.registry
        )
        self.lost_nodes = prometheus_client.Gauge(
            "kohakuriver_controller_lost_nodes", "Nodes marked silent", registry=self.registry
        )
        self.leading = prometheus_client.Gauge(
            "kohakuriver_controller_leading", "1 while this controller leads", registry=self.registry
        )


@contextlib.asynccontextmanager
async def serving(metrics: Metrics, *, host: str, port: int) -> AsyncIterator[None]:
    """Answer /metrics there until the block ends."""

    async def answer(_: web.Request) -> web.Response:
        text = exposition.generate_latest(metrics.registry)
        return web.Response(body=text, headers={"Content-Type": exposition.CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        async with asyncio.timeout(5):
            await runner.cleanup()
