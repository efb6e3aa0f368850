"""Calls on the API: what is asked, what an answer means, and which server is asked.

One connection, kept alive from call to call; a watch has one of its own. Errors are typed; nothing is retried
but a GET on a kept connection that the server had closed meanwhile.
"""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kohakuriver import __version__, errors
from kohakuriver.cli.api import urls
from kohakuriver.cli.api.http1 import Answer, Wire
from kohakuriver.client import envelope, wire
from kohakuriver.client.config import Connection
from kohakuriver.client.wire import APPLY_PATCH, JSON, JSON_PATCH, MERGE_PATCH, WATCH_SILENCE, Object
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

__all__ = ["APPLY_PATCH", "JSON", "JSON_PATCH", "MERGE_PATCH", "TABLE", "WATCH_SILENCE", "Api", "Object"]
Say = Callable[[str], None]

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_IDLE = 10.0  # seconds after which a kept connection is not trusted with a write
_CONNECT = 10.0  # seconds to reach the server


class Api:
    """One identity on one API server."""

    def __init__(
        self, connection: Connection, *, timeout: float, warn: Say, trace: Say | None = None
    ) -> None:
        self.connection = connection
        self.namespace = connection.namespace
        self.timeout = timeout
        self._warn = warn
        self._trace = trace
        self._clock = SystemClock()
        self._url = urls.split(connection.server)
        self._tls: ssl.SSLContext | None = None
        self._kept: Wire | None = None
        self._used_at = 0.0
        self.history = ""  # of the cluster's store, as the last answer had it

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def path(self, resource: ResourceType, *, namespace: str | None = None, name: str = "") -> str:
        """The URL path of an object or a collection; what people type is escaped."""
        return resource.path(namespace=urls.quote(namespace) if namespace else None, name=urls.quote(name))

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Object:
        """One request. Raises ApiError as the server says, Unreachable when there was no connection, and
        OutcomeUnknown when the connection broke or went silent after a write was sent."""
        started = self._clock.monotonic()
        if self._kept is not None and method != "GET" and started - self._used_at > _IDLE:
            self.close()
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers(accept, content_type if data is not None else None)
        answer, content = self._exchange(method, self._target(path, params), data, headers)
        self._used_at = self._clock.monotonic()
        self.history = answer.header(kinds.HISTORY_HEADER)
        self._say(method, path, params, answer.status, self._used_at - started)
        for value in answer.all("Warning"):
            self._warn(wire.warning(value))
        if answer.status >= 400:
            raise errors.from_status(wire.parsed(content), code=answer.status)
        found = wire.answered(
            content,
            answer.status,
            asked=(method, path),
            server=self.connection.server,
            is_text=answer.header("Content-Type").startswith("text/plain"),
        )
        if path.startswith("/api") and (why := envelope.wrong_with(found, is_stored=method == "GET")):
            raise wire.foreign(self.connection.server, method, answer.status, why)
        return found

    def watch(
        self,
        path: str,
        *,
        params: Mapping[str, str],
        accept: str = JSON,
        patience: Callable[[], float] = lambda: WATCH_SILENCE,
    ) -> Iterator[tuple[str, Object]]:
        """Events (type, object) until the server ends the watch; `patience` says how long the next may take.
        Raises Expired when the history is gone, Unreachable when the connection breaks or goes silent."""
        everything = {**params, **wire.watching()}
        opened = self._connect(patience())
        try:
            answer = opened.ask("GET", self._target(path, everything), self._headers(accept, None))
            self._say("GET", path, everything, answer.status, 0.0)
            if answer.status >= 400:
                raise errors.from_status(wire.parsed(answer.read()), code=answer.status)
            if answer.status >= 300:
                raise wire.foreign(self.connection.server, "GET", answer.status)
            for line in _lines(answer, opened, patience):
                kind, body = wire.event(line, server=self.connection.server, status=answer.status)
                check = envelope.wrong_with_bookmark if kind == "BOOKMARK" else envelope.wrong_with
                if path.startswith("/api") and (why := check(body)):
                    raise wire.foreign(self.connection.server, "GET", answer.status, why)
                yield kind, body
        except OSError as error:
            raise self._unreachable(error) from error
        finally:
            opened.close()

    def _exchange(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[Answer, bytes]:
        reused = self._kept is not None
        if self._kept is None:
            self._kept = self._connect(self.timeout)
        try:
            answer = self._kept.ask(method, target, headers, data)
            content = answer.read()
            if answer.closes:
                self.close()
            return answer, content
        except OSError as error:
            self.close()
            if reused and method == "GET" and not isinstance(error, TimeoutError):
                return self._exchange(method, target, data, headers)
            raise self._broken(method, error) from error
        except BaseException:
            self.close()  # a half-read answer must not be taken for the next one
            raise

    def _connect(self, timeout: float) -> Wire:
        """To the server in use; where it cannot be reached, to the next of the config file, for good."""
        first: errors.Unreachable | None = None
        for _ in range(len(self.connection.others) + 1):
            try:
                return self._dial(timeout)
            except errors.Unreachable as error:
                first = first or error
                self._use_next()
        assert first is not None, "one server at least was tried"  # noqa: S101 - narrows the type
        raise first

    def _use_next(self) -> None:
        following, *rest = (*self.connection.others, self.connection.server)
        self.connection = self.connection._replace(server=following, others=tuple(rest))
        self._url = urls.split(following)

    def _dial(self, timeout: float) -> Wire:
        url = self._url
        if url.is_https and self._tls is None:
            self._tls = self.connection.tls()
        tls = self._tls if url.is_https else None
        try:
            opened = Wire(url.host, url.port, tls=tls, timeout=min(timeout, _CONNECT))
        except OSError as error:
            raise self._unreachable(error) from error
        opened.socket.settimeout(timeout)
        return opened

    def _headers(self, accept: str, content_type: str | None) -> dict[str, str]:
        headers = {"Accept": accept, "User-Agent": f"kohakuriver/{__version__}"}
        if token := self.connection.bearer():
            headers["Authorization"] = f"Bearer {token}"
        if content_type:
            headers["Content-Type"] = content_type
        return headers

    def _target(self, path: str, params: Mapping[str, str] | None) -> str:
        return self._url.path + path + urls.query(params or {})

    def _say(
        self, method: str, path: str, params: Mapping[str, str] | None, status: int, took: float
    ) -> None:
        if self._trace is not None:
            self._trace(f"{method} {self._target(path, params)} {status} {took * 1000:.0f} ms")

    def _unreachable(self, error: Exception) -> errors.Unreachable:
        return wire.unreachable(self.connection.server, error)

    def _broken(self, method: str, error: Exception) -> errors.KohakuRiverError:
        late = isinstance(error, TimeoutError)
        what = f"did not answer within {self.timeout:g} s" if late else f"broke off ({wire.in_words(error)})"
        message = f"the API server at {self.connection.server} {what}"
        if method == "GET":
            return errors.Unreachable(message, hint="try again, or allow more with --request-timeout")
        return errors.OutcomeUnknown(
            message, hint="the change may or may not have been made: look before trying again"
        )


def _lines(answer: Answer, opened: Wire, patience: Callable[[], float]) -> Iterator[bytes]:
    """The lines that are not blank, each as soon as it is whole."""
    lines = answer.lines()
    while True:
        opened.socket.settimeout(patience())
        line = next(lines, b"")
        if not line:
            return
        if line.strip():
            yield line
