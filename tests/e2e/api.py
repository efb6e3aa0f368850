"""The API as tests of faults see it: plain requests that answer at once, and a record of what a watch told.

It uses nothing of the project's own client, so that a fault in that is not looked at through itself.
"""

import contextlib
import http.client
import itertools
import json
import ssl
import threading
from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
VPSES = "/apis/kohakuriver.io/v1alpha1/namespaces/default/vpses"
NODES = "/apis/kohakuriver.io/v1alpha1/nodes"
ALLOCATIONS = "/apis/kohakuriver.io/v1alpha1/nodeallocations"
TOKENS = "/apis/kohakuriver.io/v1alpha1/tokens"
EVENTS = "/api/v1/events"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


class Refused(Exception):
    """The API answered, and not with success."""

    def __init__(self, code: int, status: Object) -> None:
        super().__init__(f"{code}: {status.get('message')}")
        self.code = code


class Connection(http.client.HTTPSConnection):
    """One that is closed when its thread forgets it."""

    def __del__(self) -> None:
        self.close()


class Api:
    """One API server and one token."""

    def __init__(self, host: str, port: int, *, token: str, authority: str, timeout: float = 15.0) -> None:
        self._address = (host, port)
        self._token = token
        self._tls = ssl.create_default_context(cadata=authority)
        self._timeout = timeout
        self._kept = threading.local()  # each thread's connection for reads: most are polls

    def call(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Object:
        """The answer. Raises Refused, or OSError when nobody answers."""
        connection = self._connect()
        try:
            return self._ask(connection, method, path, body, kind)
        finally:
            connection.close()

    def get(self, path: str) -> Object:
        """The answer, on this thread's open connection where the server still has it."""
        connection = getattr(self._kept, "connection", None)
        if connection is not None:
            self._kept.connection = None
            try:
                return self._read(connection, path)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                pass  # the server that it led to has ended
        return self._read(self._connect(), path)

    def patch(self, path: str, change: Object) -> Object:
        """A merge patch."""
        return self.call("PATCH", path, change, kind="application/merge-patch+json")

    def is_ready(self) -> bool:
        with contextlib.suppress(Refused, OSError, http.client.HTTPException):
            self.get("/readyz")
            return True
        return False

    @contextlib.contextmanager
    def recording(self, path: str, name: str) -> Iterator["Record"]:
        """Everything that a watch tells of one object while the block runs."""
        revision = self.get(path)["metadata"]["resourceVersion"]
        connection = self._connect()
        query = f"?watch=1&resourceVersion={revision}&fieldSelector=metadata.name={name}"
        connection.request("GET", path + query, headers=self._headers())
        record = Record(connection, since=revision)
        try:
            yield record
            record.catch_up(self._newest(path, name))
        finally:
            record.close()

    def _newest(self, path: str, name: str) -> int:
        """The revision of that object; 0 if it is gone."""
        try:
            return int(self.get(f"{path}/{name}")["metadata"]["resourceVersion"])
        except Refused as error:
            assert error.code == 404, error
            return 0

    def _connect(self) -> http.client.HTTPSConnection:
        host, port = self._address
        return Connection(host, port, timeout=self._timeout, context=self._tls)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _read(self, connection: http.client.HTTPSConnection, path: str) -> Object:
        try:
            answer = self._ask(connection, "GET", path, None, "application/json")
        except Refused:
            self._kept.connection = connection
            raise
        except BaseException:
            connection.close()
            raise
        self._kept.connection = connection
        return answer

    def _ask(
        self, connection: http.client.HTTPSConnection, method: str, path: str, body: Any, kind: str
    ) -> Object:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {**self._headers(), "Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read().decode()
        try:
            found = json.loads(text)
        except ValueError:
            found = {"message": text}
        if answer.status >= 300:
            raise Refused(answer.status, found)
        return found if isinstance(found, dict) else {"message": text}


class Record:
    """The states of one object, as a watch tells them."""

    def __init__(self, connection: http.client.HTTPSConnection, *, since: str) -> None:
        self._since = since
        self.states: list[Object] = []
        self._told = threading.Condition()
        self._is_over = False
        self._connection = connection
        connection.sock.settimeout(None)
        self._socket = connection.sock
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def phases(self) -> list[str]:
        """The phases it went through, each once in a row."""
        told = [state.get("status", {}).get("phase", "") for state in self.states]
        return [phase for phase, _ in itertools.groupby(told)]

    def catch_up(self, revision: int) -> None:
        """Waits until the watch has told of that revision, which a read has seen already, or has ended."""

        def is_told() -> bool:
            newest = self.states[-1]["metadata"]["resourceVersion"] if self.states else self._since
            return int(newest) >= revision or self._is_over

        with self._told:
            assert self._told.wait_for(is_told, timeout=60), f"the watch did not tell of revision {revision}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(2)
        self._thread.join(timeout=10)
        self._connection.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            answer = self._connection.getresponse()
            for line in answer:
                event = json.loads(line)
                if event["type"] != "BOOKMARK":
                    with self._told:
                        self.states.append(event["object"])
                        self._told.notify_all()
        with self._told:
            self._is_over = True
            self._told.notify_all()
