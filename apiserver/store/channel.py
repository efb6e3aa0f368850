"""The connections to etcd: several endpoints, TLS, login, deadlines, retries.

`etcd.py`, `lease.py` and `watch.py` speak through one `Wire`. Each endpoint has a channel of its
own, so that every certificate is checked against its own host name; calls stay with one endpoint
until it fails, then move to the next. An endpoint is asked whether it is there before a request
is sent to it, so a request that cannot be sent is known not to have been done. Only what is
known not to have been done is tried again here, a few times within the call's own deadline.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import tenacity
from aetcd import rpc

from kohakuriver.apiserver.store.base import StoreError, StoreRefused, StoreTimeout, StoreUnavailable
from kohakuriver.apiserver.store.fault import StaleToken, translate, unavailable
from kohakuriver.errors import ConfigError

DIAL_TIMEOUT = 1.0  # seconds for one endpoint to show that it is there
CHANNEL_OPTIONS = (
    # A reply is kept small by paging; what etcd sends regardless is better taken than refused.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A peer that freezes is noticed within 11 s. etcd punishes pings more often than every 5 s.
    # The ping that measures bandwidth holds back the keepalive's, with a timeout of its own of 60 s.
    ("grpc.keepalive_time_ms", 7_000),
    ("grpc.keepalive_timeout_ms", 4_000),
    ("grpc.http2.ping_timeout_ms", 4_000),
    ("grpc.http2.max_pings_without_data", 0),
    # An etcd that comes back is found within a second; gRPC's own default waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)
ATTEMPTS = 4
RETRY = tenacity.AsyncRetrying(
    retry=tenacity.retry_if_exception_type(StoreUnavailable),
    wait=tenacity.wait_random_exponential(multiplier=0.05, max=0.5),
    reraise=True,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """One endpoint: its channel, and etcd's services on it."""

    endpoint: str
    channel: Any
    kv: Any
    watch: Any
    lease: Any
    maintenance: Any
    auth: Any


Method = Callable[[Link], Any]


class Wire:
    """Carries a request to whichever endpoint answers."""

    def __init__(self, links: Sequence[Link], *, login: Login | None, timeout: float) -> None:
        self.timeout = timeout
        self._links = tuple(links)
        self._at = 0
        self._login = login
        self._token: str | None = None
        self._authenticating = asyncio.Lock()
        self._closed = False

    async def call(self, method: Method, request: Any, *, writes: bool = False) -> Any:
        """The reply, or a StoreError by the time `timeout` is over."""
        deadline = asyncio.get_running_loop().time() + self.timeout
        try:
            return await self._once(method, request, deadline, writes)
        except StoreUnavailable:
            await asyncio.sleep(0)
        retry = RETRY.copy(stop=tenacity.stop_after_attempt(ATTEMPTS) | _TooLate(deadline))
        return await retry(self._once, method, request, deadline, writes)

    async def _once(self, method: Method, request: Any, deadline: float, writes: bool) -> Any:
        link = await self.ready(deadline)
        metadata = await self.metadata(link, deadline)
        left = _left(deadline)
        share = left if writes or len(self._links) == 1 else min(left, self.timeout / len(self._links))
        try:
            with self.edge(link, writes=writes):
                return await method(link)(request, timeout=share, metadata=metadata)
        except StoreTimeout as error:
            if share < left:  # a read: another endpoint may answer in the time that is left
                raise unavailable(link.endpoint, f"no answer within {share:.1f} s") from error
            raise

    async def ready(self, deadline: float) -> Link:
        """The endpoint in use if it is connected, else the first that answers."""
        failure: StoreError | None = None
        for _ in self._links:
            link = self._links[self._at]
            try:
                await self._dial(link, deadline)
            except StoreError as error:
                failure = failure or error
                continue
            return link
        raise failure or unavailable("no endpoint", "none was given")

    async def _dial(self, link: Link, deadline: float) -> None:
        if self._closed:
            raise unavailable(link.endpoint, "this store has been closed")
        if link.channel.get_state() is grpc.ChannelConnectivity.READY:
            return
        wait = min(DIAL_TIMEOUT, _left(deadline))
        try:
            with self.edge(link):
                await link.maintenance.Status(rpc.StatusRequest(), timeout=wait)
        except StoreRefused:
            return  # it answered; whether it serves us, the call itself tells
        except StoreTimeout as error:
            raise unavailable(link.endpoint, f"no answer within {wait:.1f} s") from error

    async def metadata(self, link: Link, deadline: float) -> tuple[tuple[str, str], ...]:
        """Every call asks for a leader, so that an etcd without one says so at once."""
        if self._login is None:
            return (("hasleader", "true"),)
        token = await self._logged_in(link, self._login, deadline)
        return (("hasleader", "true"), ("token", token))

    async def _logged_in(self, link: Link, login: Login, deadline: float) -> str:
        async with self._authenticating:
            if self._token is None:
                request = rpc.AuthenticateRequest(name=login.user, password=login.password)
                with self.edge(link):
                    reply = await link.auth.Authenticate(request, timeout=_left(deadline))
                self._token = str(reply.token)
            return self._token

    @contextlib.contextmanager
    def edge(self, link: Link, *, writes: bool = False) -> Iterator[None]:
        """Inside, gRPC's exceptions; outside, only the store's."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            failure = translate(error, endpoint=link.endpoint, writes=writes)
            self._learn(link, failure)
            raise failure from error
        except (grpc.aio.UsageError, asyncio.CancelledError) as error:
            # A channel closed under a call cancels it, which is not this task being cancelled.
            task = asyncio.current_task()
            if not self._closed or (task is not None and task.cancelling()):
                raise
            if writes:
                raise StoreTimeout("the store was closed before etcd answered") from error
            raise unavailable(link.endpoint, "this store has been closed") from error

    def _learn(self, link: Link, failure: StoreError) -> None:
        if isinstance(failure, StaleToken):
            self._token = None
        elif isinstance(failure, StoreUnavailable | StoreTimeout) and self._links[self._at] is link:
            self._at = (self._at + 1) % len(self._links)

    async def aclose(self) -> None:
        self._closed = True
        for link in self._links:
            await link.channel.close()


class _TooLate(tenacity.stop.stop_base):
    """Ends the attempts when the next one would begin after the call's time."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        return asyncio.get_running_loop().time() + retry_state.upcoming_sleep >= self._deadline


def _left(deadline: float) -> float:
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise StoreUnavailable("the time for this call was over before it could be sent")
    return left


def link_to(address: str, credentials: Any, options: Sequence[tuple[str, int]] = CHANNEL_OPTIONS) -> Link:
    if credentials is None:
        channel = grpc.aio.insecure_channel(address, options=options)
    else:
        channel = grpc.aio.secure_channel(address, credentials, options=options)
    return Link(
        endpoint=address,
        channel=channel,
        kv=rpc.KVStub(channel),
        watch=rpc.WatchStub(channel),
        lease=rpc.LeaseStub(channel),
        maintenance=rpc.MaintenanceStub(channel),
        auth=rpc.AuthStub(channel),
    )


def parse(endpoint: str, *, tls: bool) -> tuple[str, bool]:
    """`https://host:2379`, or `host:2379` which is TLS when a CA or certificate is given."""
    scheme, separator, address = endpoint.rpartition("://")
    if not address or (separator and scheme not in ("http", "https")):
        raise ConfigError(f"etcd endpoint {endpoint!r} is not [http[s]://]HOST:PORT")
    if scheme == "http" and tls:
        raise ConfigError(
            f"etcd endpoint {endpoint!r} is plain http, but TLS files were given",
            hint="write it with https://, or leave the TLS files out",
        )
    return address.rstrip("/"), tls or scheme == "https"


def credentials_from(ca: Path | None, cert: Path | None, key: Path | None) -> Any:
    """Reads the files; without a CA, gRPC's built-in roots are trusted."""
    if (cert is None) != (key is None):
        raise ConfigError("an etcd client certificate needs both its certificate and its key file")
    try:
        return grpc.ssl_channel_credentials(
            root_certificates=ca.read_bytes() if ca else None,
            private_key=key.read_bytes() if key else None,
            certificate_chain=cert.read_bytes() if cert else None,
        )
    except OSError as error:
        raise ConfigError(f"a TLS file for etcd cannot be read: {error}") from error
