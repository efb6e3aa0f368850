"""`python -m kohakuriver.apiserver`: options in, a process that serves until SIGTERM out."""

import asyncio
import logging
import resource
import signal
import ssl
import sys
from collections.abc import Callable

from aiohttp import web

from kohakuriver import logs
from kohakuriver.apiserver import app, garbage, metrics, options
from kohakuriver.apiserver.audit import log
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.expiry import Expiry
from kohakuriver.apiserver.identity.identity import TokenFile
from kohakuriver.apiserver.serving.connections import Runner, Site
from kohakuriver.apiserver.serving.middleware import METRICS
from kohakuriver.apiserver.store.base import StoreError, StoreRefused
from kohakuriver.apiserver.store.encrypted import EncryptedStore
from kohakuriver.apiserver.store.encryption import NO_KEYS, Keys
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.apiserver.store.lineage import Lineage
from kohakuriver.clock import Clock, SystemClock
from kohakuriver.errors import ConfigError

LOG = logging.getLogger("apiserver")

MOST_FILES = 65_536
ENDS_WITHIN = 1.0  # seconds for answers that are under way when the process is told to stop


def main() -> int:
    """The exit code."""
    given = options.parse()
    logs.configure(given.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_chosen(given))
    except asyncio.CancelledError:
        LOG.info("stopped")
    except ConfigError as error:
        print(f"kohakuriver apiserver: {error.message}\n  {error.hint}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


async def _chosen(given: options.Options) -> None:
    if given.after_restore:
        await begin_history(given)
    elif given.rewrite_values:
        await rewrite_values(given)
    else:
        await serve(given)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's, where there is one for this machine."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def begin_history(given: options.Options) -> None:
    """The step after a restore that no server can see for itself."""
    store = await _connect(given)
    try:
        history = await Lineage(store, SystemClock()).begin()
    except StoreError as error:
        raise ConfigError(f"nothing was changed: {error}", hint="is etcd running? then try again") from error
    finally:
        await store.aclose()
    print(  # noqa: T201 - what the operator asked for
        f"history {history.id} of cluster {history.cluster_id} has begun. Every node is in quarantine until "
        "somebody has looked at it: kohakuriver node list, then kohakuriver node accept NODE"
    )


async def rewrite_values(given: options.Options) -> None:
    """After a change of the keys: nothing is left under another than the first."""
    store = await _connect(given)
    try:
        there, written = await store.rewrite()
    except StoreError as error:
        raise ConfigError(
            f"not all values were rewritten: {error}", hint="mend that, then run it again"
        ) from error
    finally:
        await store.aclose()
    print(f"{written} of {there} values were written anew")  # noqa: T201 - what the operator asked for


async def serve(given: options.Options) -> None:
    """Until a signal cancels it."""
    stop_on_signals()
    _raise_file_limit()
    tokens = TokenFile.load(given.token_file)
    tls, authority = given.tls(), given.authority()
    clock = SystemClock()
    expiry = _expiry(given, clock)
    async with log.kept(clock, given.audit_log):
        store = await _connect(given)
        await _check_keys(store)
        running = app.running(
            store,
            clock=clock,
            tokens=tokens,
            authority=authority,
            advertise=given.advertised_url(),
            limits=given.limits,
            expiry=expiry,
            default_quota=given.default_quota,
        )
        try:
            async with running as application:
                garbage.settle()
                await _until_cancelled(given, application, tls)
        finally:
            await store.aclose()


async def _check_keys(store: EncryptedStore) -> None:
    """Raises ConfigError where something is stored that cannot be read: it would look as if it were gone."""
    await app.until_store_answers(store)
    try:
        await store.check()
    except StoreRefused as error:
        await store.aclose()
        raise ConfigError(str(error), hint=error.hint or "see --help for --encryption-keys") from error
    except StoreError as error:
        LOG.warning("not every value was looked at", extra={"error": str(error)})


async def _until_cancelled(
    given: options.Options, application: web.Application, tls: ssl.SSLContext | None
) -> None:
    runner = Runner(application, shutdown_timeout=ENDS_WITHIN)
    await runner.setup()
    sites: list[web.TCPSite] = [Site(runner, given.listen.host, given.listen.port, ssl_context=tls)]
    numbers = await _metrics_runner(application)
    if given.metrics_listen is not None:
        sites.append(Site(numbers, given.metrics_listen.host, given.metrics_listen.port))
    try:
        await _start(sites)
        LOG.info("serving", extra={"listen": str(given.listen), "tls": tls is not None})
        await asyncio.Event().wait()
    finally:
        LOG.info("stopping")
        for site in sites:
            await site.stop()
        application[SERVER].cache.close()
        await runner.cleanup()
        await numbers.cleanup()


def _expiry(given: options.Options, clock: Clock) -> Expiry:
    try:
        return Expiry(given.certificates(), clock)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read a certificate: {error}", hint="see --help for --tls… and --etcd…"
        ) from error


def stop_on_signals() -> None:
    """SIGTERM and SIGINT cancel the task that calls this."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "called from a coroutine"  # noqa: S101
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)


def _raise_file_limit() -> None:
    """As far as it goes without asking anybody: each watch and each stream is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _connect(given: options.Options) -> EncryptedStore:
    keys = Keys.load(given.encryption_keys) if given.encryption_keys is not None else NO_KEYS
    try:
        store = await EtcdStore.connect(
            given.etcd,
            prefix=given.etcd_prefix,
            ca=given.etcd_ca,
            cert=given.etcd_cert,
            key=given.etcd_key,
            user=given.etcd_user,
            password=given.etcd_password(),
            quota=given.etcd_quota,
        )
    except (ValueError, OSError, StoreError) as error:
        raise ConfigError(f"cannot use etcd as given: {error}", hint="see --help for --etcd…") from error
    return EncryptedStore(store, keys)


async def _start(sites: list[web.TCPSite]) -> None:
    for site in sites:
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {site.name}: {error.strerror or error}",
                hint="another program may hold the port: choose one with --listen",
            ) from error


async def _metrics_runner(application: web.Application) -> web.AppRunner:
    """An application of one route, beside the one with the door. Nobody shows a credential there, so all who
    come are held to what strangers are held to at the door."""

    async def numbers(request: web.Request) -> web.Response:
        content = application[METRICS].render()
        return web.Response(body=content, headers={"Content-Type": metrics.CONTENT_TYPE})

    beside = web.Application()
    beside.router.add_get("/metrics", numbers)
    runner = Runner(beside, shutdown_timeout=ENDS_WITHIN)
    await runner.setup()
    return runner


if __name__ == "__main__":
    sys.exit(main())
