"""Wiring: options in, an API server that serves until it is told to stop; or one of the steps beside that."""

import asyncio
import logging
import resource
import ssl
import sys

from aiohttp import web

from kohakuriver import program
from kohakuriver.apiserver import app, garbage, options
from kohakuriver.apiserver.audit import log
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.expiry import Expiry
from kohakuriver.apiserver.identity.identity import TokenFile
from kohakuriver.apiserver.oidc import configuration
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.apiserver.serving.connections import Runner, Site
from kohakuriver.apiserver.serving.middleware import METRICS
from kohakuriver.apiserver.store import copying
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


async def run(given: options.Options) -> None:
    """What the options ask for: to serve until a signal cancels it, or one step. Raises ConfigError."""
    if given.after_restore:
        await begin_history(given)
    elif given.rewrite_values:
        await rewrite_values(given)
    elif given.save_store:
        await save_store(given)
    elif given.load_store:
        await load_store(given)
    else:
        await serve(given)


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


async def save_store(given: options.Options) -> None:
    """A copy of the store on stdout, as it is stored: no key of --encryption-keys is needed."""
    store = await _connect_to_etcd(given)
    try:
        await copying.save(store, sys.stdout.buffer.write, clock=SystemClock())
        sys.stdout.buffer.flush()
    except StoreError as error:
        raise ConfigError(
            f"the store was not copied: {error}", hint=error.hint or "is etcd running?"
        ) from error
    except OSError as error:  # of stdout
        raise ConfigError(
            f"the store was not copied: {error.strerror}", hint="make room on that disk, then do it again"
        ) from error
    finally:
        await store.aclose()


async def load_store(given: options.Options) -> None:
    """A copy of a store from stdin into one that holds nothing."""
    store = await _connect_to_etcd(given)
    try:
        count = await copying.load(store, copying.read(sys.stdin.buffer), clock=SystemClock())
    except copying.CopyDamaged as error:
        raise ConfigError(f"nothing was loaded: {error}", hint="take another backup") from error
    except StoreError as error:
        raise ConfigError(
            f"the store was not loaded: {error}", hint=error.hint or "mend that, then do it again"
        ) from error
    finally:
        await store.aclose()
    print(f"{count} keys were loaded")  # noqa: T201 - what the operator asked for


async def serve(given: options.Options) -> None:
    """Until a signal cancels it."""
    program.cancel_at_signals()
    _raise_file_limit()
    tokens = TokenFile.load(given.token_file)
    tls, authority = given.tls(), given.authority()
    clock = SystemClock()
    expiry = _expiry(given, clock)
    issuers = issuers_of(given, tokens, clock)
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
            issuers=issuers,
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


def issuers_of(given: options.Options, tokens: TokenFile, clock: Clock) -> Issuers:
    """Those that the options name. Raises ConfigError."""
    if given.authentication_config is None:
        return Issuers(now=clock.monotonic)
    read = configuration.load(given.authentication_config)
    configuration.check_names(read, [user.name for user in tokens.users.values()])
    return Issuers(read, now=clock.monotonic)


def _expiry(given: options.Options, clock: Clock) -> Expiry:
    try:
        return Expiry(given.certificates(), clock)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read a certificate: {error}", hint="see --help for --tls… and --etcd…"
        ) from error


def _raise_file_limit() -> None:
    """As far as it goes without asking anybody: each watch and each stream is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _connect(given: options.Options) -> EncryptedStore:
    keys = Keys.load(given.encryption_keys) if given.encryption_keys is not None else NO_KEYS
    return EncryptedStore(await _connect_to_etcd(given), keys)


async def _connect_to_etcd(given: options.Options) -> EtcdStore:
    try:
        return await EtcdStore.connect(
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
    beside = program.metrics_application(application[METRICS].render)
    runner = Runner(beside, shutdown_timeout=ENDS_WITHIN)
    await runner.setup()
    return runner
