"""Bodies that kubectl sends in protobuf, and what only looks like them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.serving.protobuf import MAGIC, decode
from kohakuriver.errors import BadRequest


def field(number: int, value: bytes | int) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    made = b""
    while number > 0x7F:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


def enveloped(version: str, kind: str, raw: bytes) -> bytes:
    about = field(1, version.encode()) + field(2, kind.encode())
    return MAGIC + field(1, about) + field(2, raw) + field(3, b"") + field(4, b"")


def test_a_namespace_is_read_without_its_empty_fields():
    label = field(1, b"team") + field(2, b"red")
    metadata = field(1, b"dev") + field(2, b"") + field(8, b"") + field(11, label)
    raw = field(1, metadata) + field(2, b"") + field(3, field(1, b""))
    assert decode(enveloped("v1", "Namespace", raw)) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "dev", "labels": {"team": "red"}},
    }


def test_a_lease_is_read_with_its_times():
    renewed = field(1, 1_767_225_600) + field(2, 250_000_000)
    spec = field(1, b"me") + field(2, 15) + field(4, renewed)
    read = decode(enveloped("coordination.k8s.io/v1", "Lease", field(1, field(1, b"l")) + field(2, spec)))
    assert read["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-01-01T00:00:00.250000Z",
    }


def test_a_quota_is_read_with_its_amounts_and_scopes():
    hard = [
        field(1, field(1, name) + field(2, field(1, most))) for name, most in ((b"cpu", b"4"), (b"b", b"1Gi"))
    ]
    scope = field(3, field(1, field(1, b"PriorityClass") + field(2, b"In") + field(3, b"high")))
    spec = b"".join(hard) + field(2, b"BestEffort") + scope
    read = decode(enveloped("v1", "ResourceQuota", field(1, field(1, b"q")) + field(2, spec)))
    assert read["spec"] == {
        "hard": {"cpu": "4", "b": "1Gi"},
        "scopes": ["BestEffort"],
        "scopeSelector": {
            "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
        },
    }


def test_a_kind_that_is_not_known_is_refused():
    with pytest.raises(BadRequest, match="Pod"):
        decode(enveloped("v1", "Pod", b""))


@given(st.binary(max_size=200))
def test_garbage_is_the_clients_mistake(content):
    with pytest.raises(BadRequest):
        decode(content)
    for kind in ("Namespace", "Event"):
        with contextlib.suppress(BadRequest):
            decode(enveloped("v1", kind, content))
