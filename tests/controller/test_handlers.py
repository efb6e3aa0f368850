"""kopf inside the controller: over TLS, and writing to nobody's object."""

import asyncio
import contextlib
import datetime
import signal
import ssl

from aiohttp import web

from kohakuriver import certificates
from kohakuriver.apiserver import app
from kohakuriver.client.config import Connection
from kohakuriver.controller import handlers
from kohakuriver.resources.kinds import NODE
from tests.apiserver.api import running_api


@contextlib.asynccontextmanager
async def with_tls(api, folder):
    """The same server on a port of its own, with a certificate; the connection for controllers."""
    now = datetime.datetime.now(datetime.UTC)
    authority = certificates.new_authority("test", now=now)
    pair = certificates.sign(authority, "apiserver", hosts=["127.0.0.1"], now=now)
    pair.save(folder, "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    runner = web.AppRunner(app.application(api.server), handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        yield Connection(server=url, token=api.token("controller"), ca=authority.certificate)
    finally:
        api.server.cache.close()
        await runner.cleanup()


async def test_nodes_that_come_and_go_are_handed_over_and_left_unwritten(tmp_path):
    told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
    signals = []

    def started():
        signals.append(signal.getsignal(signal.SIGTERM))

    async with running_api() as api, with_tls(api, tmp_path) as connection:
        kopf = asyncio.create_task(
            handlers.run(
                lambda: connection, lambda key, _, is_gone: told.put_nowait((key.name, is_gone)), started
            )
        )
        async with asyncio.timeout(60):
            created = await api.create(NODE, {"metadata": {"name": "n1"}})
            assert await told.get() == ("n1", False)
            now = (await api.get(NODE.path(name="n1"))).body
            await api.call("DELETE", NODE.path(name="n1"))
            assert await told.get() == ("n1", True)
        kopf.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await kopf
    assert now["metadata"] == created["metadata"], "kopf writes nothing"
    assert signals == [signal.SIG_DFL], "kopf does not keep the signals"
