"""The real API server in a test's own loop, over the in-memory store, on a loopback port of its own.

    async with running_api() as api:
        async with aiohttp.ClientSession(headers=api.headers("admin")) as session:
            async with session.get(api.url + "/apis/kohakuriver.io/v1alpha1/vpses") as reply: ...

Time is the event loop's by default, so that it works under simulated time too. The same store may be given to
several of them, one after the other or side by side.
"""

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from kohakuriver.apiserver import app
from kohakuriver.apiserver.context import SERVER, Server
from kohakuriver.apiserver.expiry import Expiry
from kohakuriver.apiserver.identity.identity import Role, TokenFile, User, fingerprint
from kohakuriver.apiserver.limits.limits import UNLIMITED, Limits
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.apiserver.pages import files
from kohakuriver.apiserver.serving.connections import Runner, Site
from kohakuriver.apiserver.store.base import Store
from kohakuriver.clock import Clock
from kohakuriver.resources.kinds import ResourceType
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

NODES = ("n1", "n2", "n3")
USERS = (
    User("admin", Role.ADMIN),
    User("controller", Role.CONTROLLER),
    User("viewer", Role.VIEWER),
    User("alice", Role.USER, namespaces=("default",)),
    *(User(node, Role.NODE, node=node) for node in NODES),
)


def token_of(user: str) -> str:
    """The bearer token of a test user: `admin`, `controller`, `viewer`, `alice`, or a node's name."""
    return f"token-of-{user}"


def tokens(*more: User) -> TokenFile:
    return TokenFile({fingerprint(token_of(user.name)): user for user in (*USERS, *more)})


class Looks:
    """The moments at which it is worth to ask a server again: its store has changed, or a second is over.

    They lie on a grid, as those of somebody who asks without end. A request costs a hundred times what it
    costs to wait, and simulated time is mostly waiting.
    """

    def __init__(self, store: Store, *, every: float = 0.05) -> None:
        self._store, self._every = store, every
        self._moved = self._next_change()

    async def next(self) -> None:
        """Returns at the next of them."""
        now = asyncio.get_running_loop().time
        began = now()
        if self._moved is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0 - self._every):
                    await self._moved.wait()
        passed = (now() - began) // self._every
        await asyncio.sleep(began + (passed + 1) * self._every - now())
        self._moved = self._next_change()

    def _next_change(self) -> asyncio.Event | None:
        return self._store.moved if isinstance(self._store, MemoryStore) else None


@dataclasses.dataclass
class Reply:
    """One answer."""

    code: int
    body: Any
    headers: Any


@dataclasses.dataclass
class Api:
    """A running server and how to talk to it."""

    url: str
    server: Server
    server_app: web.Application
    store: Store
    session: aiohttp.ClientSession
    runner: web.AppRunner

    def token(self, user: str) -> str:
        return token_of(user)

    def headers(self, user: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token_of(user)}"}

    async def call(
        self, method: str, path: str, body: Any = None, *, user: str = "admin", **options: Any
    ) -> Reply:
        """One request and its whole JSON (else text) answer; `headers` and `params` as aiohttp takes them."""
        headers = self.headers(user) | options.pop("headers", {})
        content = {"json": body} if body is not None else {}
        async with self.session.request(
            method, self.url + path, headers=headers, **content, **options
        ) as reply:
            is_json = reply.content_type == "application/json"
            content_ = await (reply.json(loads=orjson.loads) if is_json else reply.text())
            return Reply(reply.status, content_, reply.headers)

    def connections(self) -> list[Any]:
        """What clients hold open."""
        assert self.runner.server is not None
        return list(self.runner.server.connections)

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", path, **options)

    async def create(
        self, resource: ResourceType, obj: dict[str, Any], *, user: str = "admin"
    ) -> dict[str, Any]:
        """Create an object, which must succeed; the object as stored."""
        namespace = (obj.get("metadata") or {}).get("namespace", "default")
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        path = resource.path(namespace=namespace if resource.namespaced else None)
        reply = await self.call("POST", path, whole, user=user)
        assert reply.code == 201, reply.body
        return dict(reply.body)


@contextlib.asynccontextmanager
async def running_api(
    store: Store | None = None,
    *,
    clock: Clock | None = None,
    users: tuple[User, ...] = (),
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    authority: bytes | None = None,
    limits: Limits = UNLIMITED,
    ends_within: float = 0.5,
    expiry: Expiry | None = None,
    default_quota: Mapping[str, int] | None = None,
    issuers: Issuers | None = None,
    page: Path = files.FOLDER,
) -> AsyncIterator[Api]:
    """A server that stops at the end of the block; the store is left as it is then.

    `users` come in beside those there are; `tls` is what it listens with, for clients that insist on it.
    """
    kept = store or MemoryStore()
    async with app.running(
        kept,
        clock=clock or LoopClock(),
        tokens=tokens(*users),
        authority=authority,
        limits=limits,
        expiry=expiry,
        default_quota=default_quota,
        issuers=issuers,
        page=page,
    ) as application:
        runner = Runner(application, shutdown_timeout=ends_within)
        await runner.setup()
        site = Site(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        scheme = "https" if tls else "http"
        connector = aiohttp.TCPConnector(limit=0)
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                yield Api(
                    f"{scheme}://127.0.0.1:{port}", application[SERVER], application, kept, session, runner
                )
        finally:
            application[SERVER].cache.close()
            await runner.cleanup()
