"""Calls on the API over aiohttp: one method a verb, typed errors, plain JSON objects in and out.

It never retries what may have been done: who calls knows whether that is safe. A request that a server could
not even be sent goes to the next one; and after any failure of a server the next call does.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from kohakuriver import __version__, errors
from kohakuriver.client import failover, wire
from kohakuriver.client.config import Connection
from kohakuriver.client.failover import Servers
from kohakuriver.client.wire import JSON, JSON_PATCH, MERGE_PATCH, WATCH_SILENCE, Object
from kohakuriver.resources.kinds import HISTORY_HEADER, LEASE, ResourceType

__all__ = ["JSON_PATCH", "MERGE_PATCH", "Client", "Object", "ObjectList", "WatchEvent"]

log = logging.getLogger(__name__)

PAGE = 500  # objects of a list that are fetched and decoded at a time
MOST_WARNINGS = 100  # texts that are remembered as said


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectList:
    """Many objects, and the revision at which these were all of them."""

    items: list[Object]
    resource_version: str
    history: str = ""  # of the store; another one after it was restored from a backup


@dataclasses.dataclass(frozen=True, slots=True)
class WatchEvent:
    """ADDED, MODIFIED, DELETED or BOOKMARK, and the object."""

    type: str
    object: Object


class Client:
    """One identity on one cluster. Use as an async context manager, inside the event loop."""

    def __init__(
        self, connection: Connection, *, program: str, timeout: float = 10.0, servers: Servers | None = None
    ) -> None:
        self.servers = servers or Servers((connection.server, *connection.others))
        self.server = self.servers.first  # the one in use
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        headers = {"User-Agent": f"{program}/{__version__}", "Accept": JSON}
        if connection.token:
            headers["Authorization"] = f"Bearer {connection.token}"
        self._headers = headers
        self._connection = connection
        self.also: Callable[[], Mapping[str, str]] = dict  # headers that every call carries besides
        self._warned: set[str] = set()
        self._tls = connection.tls()
        self._session = self._open()
        self._under_way: set[asyncio.Timeout] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._session.close()

    async def reconnect(self) -> None:
        """End every connection: they may be dead and not say so, as after the machine has slept.

        What is under way fails at once, watches included, and whatever comes then opens a new one.
        """
        former, self._session = self._session, self._open()
        for until in self._under_way:
            if not until.expired():
                until.reschedule(0.0)
        await asyncio.sleep(0)
        await former.close()

    @contextlib.asynccontextmanager
    async def _until_reconnected(self) -> AsyncIterator[None]:
        """Raises TimeoutError as soon as all connections are to end: whoever reads from one that is closed
        here would wait for ever."""
        async with asyncio.timeout(None) as until:
            self._under_way.add(until)
            try:
                yield
            finally:
                self._under_way.discard(until)

    async def _given(self) -> dict[str, str]:
        """The token of who has a program for that, which may take its time."""
        if self._connection.plugin is None:
            return {}
        return {"Authorization": f"Bearer {await asyncio.to_thread(self._connection.bearer)}"}

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            headers=self._headers,
            timeout=self._timeout,
            connector=aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True, limit=0),
        )

    async def get(self, resource: ResourceType, name: str, *, namespace: str | None = None) -> Object:
        return await self.call("GET", resource.path(namespace=namespace, name=name))

    async def list(
        self,
        resource: ResourceType,
        *,
        namespace: str | None = None,
        field_selector: str = "",
        label_selector: str = "",
    ) -> ObjectList:
        """All of them, as of one revision, fetched and decoded a page at a time.

        Raises Expired when that revision is forgotten before the last page.
        """
        path = resource.path(namespace=namespace)
        params = {**wire.selectors(field_selector, label_selector), "limit": str(PAGE)}
        answer, headers = await self._ask("GET", path, params=params)
        page = self._page(answer)
        version, history = page.version, headers.get(HISTORY_HEADER, "")
        items: list[Object] = []
        while True:
            for item in page.items:  # Kubernetes leaves these out of a list's items
                item.setdefault("kind", resource.kind)
                item.setdefault("apiVersion", resource.api_version)
            items += page.items
            if not page.more:
                return ObjectList(items, version, history)
            answer, headers = await self._ask("GET", path, params={**params, "continue": page.more})
            page = self._page(answer)
            if headers.get(HISTORY_HEADER, "") != history:
                raise errors.Expired("the store is in another history", hint="list again")

    def _page(self, answer: Object) -> "_Page":
        """Raises Unreachable for what is no page of a list."""
        with self._leaving(self.server) as server:
            found = _Page.of(answer)
            if found is None:
                raise wire.foreign(server, "GET", 200)
            return found

    async def create(self, resource: ResourceType, body: Object) -> Object:
        namespace = body["metadata"].get("namespace")
        return await self.call("POST", resource.path(namespace=namespace), body=body)

    async def update(self, resource: ResourceType, body: Object, *, subresource: str = "") -> Object:
        meta = body["metadata"]
        path = resource.path(namespace=meta.get("namespace"), name=meta["name"], subresource=subresource)
        return await self.call("PUT", path, body=body)

    async def renew(self, lease: Object) -> tuple[Object, Mapping[str, str]]:
        """An update of a Lease, and the headers of the answer."""
        meta = lease["metadata"]
        path = LEASE.path(namespace=meta["namespace"], name=meta["name"])
        return await self._ask("PUT", path, body=lease)

    async def patch(
        self,
        resource: ResourceType,
        name: str,
        body: Object,
        *,
        namespace: str | None = None,
        subresource: str = "",
        params: Mapping[str, str] | None = None,
    ) -> Object:
        """A JSON merge patch (RFC 7386)."""
        path = resource.path(namespace=namespace, name=name, subresource=subresource)
        return await self.call("PATCH", path, body=body, params=params, content_type=MERGE_PATCH)

    async def delete(
        self,
        resource: ResourceType,
        name: str,
        *,
        namespace: str | None = None,
        options: Object | None = None,
    ) -> Object:
        return await self.call("DELETE", resource.path(namespace=namespace, name=name), body=options)

    async def act(
        self, resource: ResourceType, name: str, action: str, body: Object, *, namespace: str | None = None
    ) -> Object:
        """A named transaction: POST …/NAME/ACTION."""
        path = resource.path(namespace=namespace, name=name, subresource=action)
        return await self.call("POST", path, body=body)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content_type: str = JSON,
        has_kind: bool = True,
    ) -> Object:
        """One request. `has_kind`: whether the path answers with an object of a kind, as nearly all do.

        Raises ApiError as the server says, Unreachable when there was no connection, and OutcomeUnknown when
        the connection broke or went silent after the request was sent. What answers a success that is not the
        API's is Unreachable too, and after a write OutcomeUnknown.
        """
        answer, _ = await self._ask(
            method, path, body=body, params=params, content_type=content_type, has_kind=has_kind
        )
        return answer

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content_type: str = JSON,
        has_kind: bool = True,
    ) -> tuple[Object, Mapping[str, str]]:
        data = None if body is None else orjson.dumps(body)
        headers = {
            **self.also(),
            **await self._given(),
            **({"Content-Type": content_type} if data is not None else {}),
        }
        for others in range(len(self.servers.all) - 1, -1, -1):
            with self._leaving(self.server) as server:
                try:
                    async with (
                        self._until_reconnected(),
                        self._session.request(
                            method, server + path, data=data, params=params, headers=headers
                        ) as response,
                    ):
                        content = await response.read()
                except aiohttp.ClientConnectorError as error:
                    if others:
                        self._leave(server)
                        continue
                    raise _unreachable(server, error) from error
                except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                    raise errors.OutcomeUnknown(
                        f"{method} {path}: the API server at {server} did not answer ({type(error).__name__})"
                    ) from error
                self._heed(response.headers.getall("Warning", ()))
                if response.status >= 400:
                    raise errors.from_status(wire.parsed(content, read=orjson.loads), code=response.status)
                answer = wire.answered(
                    content,
                    response.status,
                    asked=(method, path),
                    server=server,
                    is_text=response.content_type == "text/plain",
                    has_kind=has_kind,
                    read=orjson.loads,
                )
                return answer, response.headers
        raise AssertionError("the last server either answered or raised")

    def _heed(self, warnings: Sequence[str]) -> None:
        """What the server warns of is logged once, not with every request."""
        for text in warnings:
            if text not in self._warned and len(self._warned) < MOST_WARNINGS:
                self._warned.add(text)
                log.warning("the API server warns", extra={"warning": wire.warning(text)})

    async def watch(
        self,
        resource: ResourceType,
        *,
        resource_version: str,
        namespace: str | None = None,
        field_selector: str = "",
        label_selector: str = "",
        history: str = "",
        silence: float = WATCH_SILENCE,
    ) -> AsyncIterator[WatchEvent]:
        """One watch request, from just after `resource_version` until the server ends it.

        The server sends a bookmark at least every 60 s, so `silence` seconds without a byte mean a dead peer.
        Raises Expired when what came after is forgotten, or the store is in another history; Unreachable,
        Unavailable.
        """
        params = {
            **wire.selectors(field_selector, label_selector),
            **wire.watching(resource_version),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=silence)
        session = self._session
        with self._leaving(self.server) as server:
            url = server + resource.path(namespace=namespace)
            try:
                async with self._until_reconnected():
                    headers = await self._given()
                    opened = await session.get(url, params=params, timeout=timeout, headers=headers)
                async with opened as response:
                    if response.status >= 400:
                        raise errors.from_status(wire.parsed(await response.read()), code=response.status)
                    found = response.headers.get(HISTORY_HEADER, "")
                    if history and found != history:
                        raise errors.Expired("the store is in another history", hint="list again")
                    async for line in self._lines(response.content, session):
                        kind, body = wire.event(
                            line, server=server, status=response.status, read=orjson.loads
                        )
                        if not _is_versioned(body):
                            raise wire.foreign(server, "GET", response.status)
                        yield WatchEvent(kind, body)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                raise _unreachable(server, error) from error

    async def _lines(
        self, stream: aiohttp.StreamReader, session: aiohttp.ClientSession
    ) -> AsyncIterator[bytes]:
        """Whole lines of any length; aiohttp's own line reader refuses long ones."""
        rest = b""
        while True:
            if session is not self._session:
                raise ConnectionError("all connections were ended")
            async with self._until_reconnected():
                chunk = await stream.readany()
            if not chunk:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line:
                    yield line
            await asyncio.sleep(0)

    @contextlib.contextmanager
    def _leaving(self, server: str) -> Iterator[str]:
        """Inside, `server` is asked; when it fails in a way of its own, what comes later goes to the next."""
        try:
            yield server
        except failover.FAILURES:
            self._leave(server)
            raise

    def _leave(self, server: str) -> None:
        """Unless another call has left it already."""
        if self.server == server:
            self.server = self.servers.after(server)
            if self.server != server:
                log.warning("going to another API server", extra={"from": server, "to": self.server})


@dataclasses.dataclass(frozen=True, slots=True)
class _Page:
    """A part of a list: objects, the revision that they are of, and where the next part begins."""

    items: list[Object]
    version: str
    more: str

    @classmethod
    def of(cls, answer: Object) -> "_Page | None":
        """None for what is none."""
        items = answer.get("items")
        if not _is_versioned(answer) or not isinstance(items, list) or not all(map(_is_versioned, items)):
            return None
        more = answer["metadata"].get("continue") or ""
        return cls(items, answer["metadata"]["resourceVersion"], more) if isinstance(more, str) else None


def _is_versioned(body: Any) -> bool:
    """Whether it has what every object and every list of the API has: the revision that it is of."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return isinstance(version, str) and version.isdecimal()


def _unreachable(server: str, error: BaseException) -> errors.Unreachable:
    """By what aiohttp has wrapped, where it has."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return wire.unreachable(server, cause)
