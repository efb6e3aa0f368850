"""Whatever is sent to the door, it answers in its own words, and stays up: never a 500, never a hang."""

import json
import re
import socket
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies as st

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, token_of
from tests.apiserver.background import background_api, converse

PATIENCE = 60.0  # seconds, after which it is a hang
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
ROOTS = [kinds.VPS.path(namespace="default"), kinds.NODE.path(), kinds.EVENT.path(), kinds.LEASE.path()]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with background_api() as running:
        yield running
        last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert converse(running, last, half_close=False).endswith(b"ok"), "it is still there after all that"


def codes(answer: bytes) -> list[int]:
    return [int(code) for code in STATUS_LINE.findall(answer)]


def held(answer: bytes, sent: object) -> None:
    """A stranger's bytes get an answer in whole words, or a closed connection."""
    for code in codes(answer):
        # A revision from the future is waited for, and then 504 is the right word.
        assert code < 500 or b"Too large resource version" in answer, (sent, answer[:500])
    assert b"Traceback" not in answer and b'File "' not in answer, sent


def request(method: str, target: bytes, *, content: bytes = b"", media: str = "application/json") -> bytes:
    head = f"{method} ".encode() + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {token_of('admin')}\r\nContent-Type: {media}\r\n".encode()
    return head + f"Content-Length: {len(content)}\r\n\r\n".encode() + content


@hypothesis.given(pieces=st.lists(st.binary(max_size=200), max_size=5))
def test_bytes_of_no_meaning(api: Api, pieces: list[bytes]) -> None:
    held(converse(api, *pieces, patience=PATIENCE), pieces)


LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1",
        b"POST /apis HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1",
        b"GET http://evil/ HTTP/1.1",
        b"GET //x/../y HTTP/1.0",
        b"Host: x",
        b"Host:",
        b": x",
        b"Content-Length: 5",
        b"Content-Length: 5, 6",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, chunked",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Connection: keep-alive",
        b"Expect: 100-continue",
        b"Expect: 200-ok",
        b"Content-Encoding: gzip",
        b"Authorization: Bearer",
        b"Authorization: Bearer " + b"x" * 4000,
        b"Authorization: Bearer " + token_of("admin").encode(),
        b"Sec-WebSocket-Key: x",
        b" folded",
        b"",
        b"5",
        b"hello",
        b"0",
        b"ffffffffffffffff",
    ]
)


@hypothesis.given(lines=st.lists(LINES, max_size=12), end=st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_lines_of_http_in_any_order(api: Api, lines: list[bytes], end: bytes) -> None:
    held(converse(api, end.join(lines) + end + end, patience=PATIENCE), lines)


TARGETS = st.builds(
    lambda root, rest, query: root.encode() + rest + (b"?" + query if query else b""),
    st.sampled_from([*ROOTS, "", "/api", "/apis", "/openapi/v2", "/openapi/v3"]),
    st.lists(
        st.sampled_from(
            [
                b"/",
                b"..",
                b"%2e%2e",
                b"%00",
                b"%ff",
                b"%",
                b"%zz",
                b"/dev",
                b"/status",
                b"/bind",
                b"\xc3\xa9",
                b"//",
                b"/x" * 300,
                b";a=b",
                b"%2f",
                b"%0d%0aX-Evil:%201",
            ]
        ),
        max_size=4,
    ).map(b"".join),
    st.lists(
        st.sampled_from(
            [
                b"watch=1&timeoutSeconds=1",
                b"limit=-1",
                b"limit=1",
                b"continue=x",
                b"continue=e30",
                b"resourceVersion=99999999",
                b"resourceVersion=x",
                b"resourceVersionMatch=Exact",
                b"labelSelector=a%20in%20(",
                b"labelSelector=%ff",
                b"labelSelector=a=b,c!=d,!e,f%20notin%20(g)",
                b"fieldSelector=metadata.name=x",
                b"fieldSelector=status.x=y",
                b"fieldSelector=%5c",
                b"dryRun=All",
                b"dryRun=x",
                b"fieldValidation=Strict",
                b"fieldManager=" + b"m" * 200,
                b"force=1",
                b"leader=x",
                b"gracePeriodSeconds=x",
                b"propagationPolicy=x",
                b"sendInitialEvents=1",
                b"pretty=1",
                b"timeoutSeconds=999999999999",
                b"a=b&a=c",
                b"=",
                b"&&",
            ]
        ),
        max_size=3,
    ).map(b"&".join),
)


@hypothesis.given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST", "FOO"]), target=TARGETS
)
def test_paths_and_queries(api: Api, method: str, target: bytes) -> None:
    hypothesis.assume(b"watch=1" not in target or b"timeoutSeconds=1" in target)
    answer = converse(api, request(method, target), patience=PATIENCE, half_close=False)
    held(answer, (method, target))
    assert codes(answer), "a whole request has an answer"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "metadata",
        "spec",
        "status",
        "name",
        "namespace",
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
        "resourceVersion",
        "uid",
        "generateName",
        "resources",
        "cores",
        "memory",
        "placement",
        "gpus",
        "ids",
        "ssh",
        "env",
        "mounts",
        "volumes",
        "runState",
        "conditions",
        "observed",
        "node",
        "epoch",
        "op",
        "path",
        "value",
        "managedFields",
    ]
)
OBJECTS = st.dictionaries(
    FIELDS, st.recursive(JSON, lambda inner: st.dictionaries(FIELDS, inner, max_size=4), max_leaves=10)
)


@hypothesis.given(data=st.data(), obj=OBJECTS)
def test_bodies(api: Api, data: st.DataObject, obj: dict[str, object]) -> None:
    table = sorted(
        (route.method, route.resource.canonical)
        for route, endpoint in api.server_app[ENDPOINTS].items()
        if route.resource is not None
        and endpoint.resource is not None
        and route.method not in ("GET", "HEAD")
    )
    method, path = data.draw(st.sampled_from(table))
    kind = data.draw(st.sampled_from(kinds.ALL))
    whole = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "dev"}, **obj}
    content = data.draw(
        st.sampled_from([whole, obj, [whole], [{"op": "add", "path": "/spec", "value": obj}]])
    )
    text = json.dumps(content).encode()
    if data.draw(st.integers(0, 9)) == 0:
        text = text[: len(text) // 2]
    media = data.draw(
        st.sampled_from(
            [
                "application/json",
                "application/merge-patch+json",
                "application/json-patch+json",
                "application/apply-patch+yaml",
                "application/strategic-merge-patch+json",
                "application/yaml",
                "application/vnd.kubernetes.protobuf",
                "text/plain",
                "nonsense",
            ]
        )
    )
    target = path.replace("{namespace}", "default").replace("{name}", "dev").encode()
    answer = converse(
        api, request(method, target, content=text, media=media), patience=PATIENCE, half_close=False
    )
    held(answer, (method, target, media, text))
    assert codes(answer), "a whole request has an answer"


def test_connections_that_go_in_the_middle_of_everything(api: Api) -> None:
    whole = request("POST", ROOTS[0].encode(), content=b'{"metadata": {"name": "x"}}')
    for length in range(0, len(whole), 7):
        with socket.create_connection(
            (lambda a: (a[0], int(a[1])))(api.url[7:].split(":")), timeout=60
        ) as wire:
            wire.sendall(whole[:length])
    assert codes(converse(api, request("GET", b"/version"), half_close=False)) == [200]
