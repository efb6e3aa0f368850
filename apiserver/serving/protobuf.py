"""Request bodies in Kubernetes' protobuf, in which kubectl sends its own kinds (`create namespace`). Pure.

Only reading, and only the kinds of Kubernetes that are served here: answers are JSON, which every client
takes. The field numbers are those of k8s.io/api's `generated.proto`. A message is read by a table:
number -> name and how to read the value. What the table does not name is skipped, and so are empty
texts, by which absence is written.
"""

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kohakuriver import clock
from kohakuriver.errors import BadRequest

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

Raw = int | bytes  # a value as the wire has it
Read = Callable[[Raw], Any]


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a message."""

    name: str
    read: Read
    many: bool = False


def decode(content: bytes) -> dict[str, Any]:
    """The object in an enveloped body. Raises BadRequest."""
    if not content.startswith(MAGIC):
        raise BadRequest("the body does not start as Kubernetes' protobuf does", hint="send JSON instead")
    try:
        envelope = _message(_ENVELOPE)(content[len(MAGIC) :])
        about = envelope.get("typeMeta", {})
        table = _KINDS.get((about.get("apiVersion", ""), about.get("kind", "")))
        if table is None:
            raise BadRequest(
                f"{about.get('kind') or 'this kind'} is not read from protobuf", hint="send JSON instead"
            )
        return {**about, **_message(table)(envelope.get("raw", b""))}
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise BadRequest(f"the body is not valid protobuf: {error}", hint="send JSON instead") from error


def _fields(content: bytes) -> Iterator[tuple[int, Raw]]:
    """Numbers and values of a message, as they come."""
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, place = _varint(content, place)
            yield number, value
            continue
        if wire == 2:
            size, place = _varint(content, place)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if place + size > len(content):
            raise ValueError("it ends in the middle of a field")
        yield number, content[place : place + size]
        place += size


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _message(table: Mapping[int, Field]) -> Read:
    def read(raw: Raw) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for number, value in _fields(_octets(raw)):
            field = table.get(number)
            if field is None or value == b"":
                continue
            made = field.read(value)
            if isinstance(made, dict) and field.read in (_pair, _amount):
                found.setdefault(field.name, {}).update(made)
            elif field.many:
                found.setdefault(field.name, []).append(made)
            elif made is not None:
                found[field.name] = made
        return found

    return read


def _octets(raw: Raw) -> bytes:
    if not isinstance(raw, bytes):
        raise ValueError("a number stands where bytes should")
    return raw


def _text(raw: Raw) -> str:
    return _octets(raw).decode()


def _number(raw: Raw) -> int:
    if not isinstance(raw, int):
        raise ValueError("bytes stand where a number should")
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _flag(raw: Raw) -> bool:
    return bool(_number(raw))


def _pair(raw: Raw) -> dict[str, str]:
    """One entry of a map."""
    entry = dict(_fields(_octets(raw)))
    return {_text(entry.get(1, b"")): _text(entry.get(2, b""))}


def _amount(raw: Raw) -> dict[str, str]:
    """One entry of a map of quantities."""
    entry = dict(_fields(_octets(raw)))
    quantity = dict(_fields(_octets(entry.get(2, b""))))
    return {_text(entry.get(1, b"")): _text(quantity.get(1, b""))}


def _moment(raw: Raw) -> datetime.datetime:
    parts = dict(_fields(_octets(raw)))
    seconds, nanos = _number(parts.get(1, 0)), _number(parts.get(2, 0))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return epoch + datetime.timedelta(seconds=seconds, microseconds=nanos // 1000)


def _time(raw: Raw) -> str:
    return clock.timestamp(_moment(raw))


def _micro_time(raw: Raw) -> str:
    return clock.micro_timestamp(_moment(raw))


def _texts(*names: str) -> dict[int, Field]:
    """Consecutive text fields from 1; an empty name leaves a number out."""
    return {number: Field(name, _text) for number, name in enumerate(names, 1) if name}


_ENVELOPE = {1: Field("typeMeta", _message(_texts("apiVersion", "kind"))), 2: Field("raw", _octets)}
_OWNER = _texts("kind", "", "name", "uid", "apiVersion") | {
    6: Field("controller", _flag),
    7: Field("blockOwnerDeletion", _flag),
}
_META = _texts("name", "generateName", "namespace", "", "uid", "resourceVersion") | {
    11: Field("labels", _pair),
    12: Field("annotations", _pair),
    13: Field("ownerReferences", _message(_OWNER), many=True),
    14: Field("finalizers", _text, many=True),
}
_METADATA = {1: Field("metadata", _message(_META))}
_NAMESPACE = _METADATA | {2: Field("spec", _message({1: Field("finalizers", _text, many=True)}))}
_SCOPE = {1: Field("scopeName", _text), 2: Field("operator", _text), 3: Field("values", _text, many=True)}
_QUOTA = _METADATA | {
    2: Field(
        "spec",
        _message(
            {
                1: Field("hard", _amount),
                2: Field("scopes", _text, many=True),
                3: Field(
                    "scopeSelector", _message({1: Field("matchExpressions", _message(_SCOPE), many=True)})
                ),
            }
        ),
    )
}
_LEASE = _METADATA | {
    2: Field(
        "spec",
        _message(
            {
                1: Field("holderIdentity", _text),
                2: Field("leaseDurationSeconds", _number),
                3: Field("acquireTime", _micro_time),
                4: Field("renewTime", _micro_time),
                5: Field("leaseTransitions", _number),
                6: Field("strategy", _text),
                7: Field("preferredHolder", _text),
            }
        ),
    )
}
_REFERENCE = _texts("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT = _METADATA | {
    2: Field("involvedObject", _message(_REFERENCE)),
    3: Field("reason", _text),
    4: Field("message", _text),
    5: Field("source", _message(_texts("component", "host"))),
    6: Field("firstTimestamp", _time),
    7: Field("lastTimestamp", _time),
    8: Field("count", _number),
    9: Field("type", _text),
    10: Field("eventTime", _micro_time),
    12: Field("action", _text),
    13: Field("related", _message(_REFERENCE)),
    14: Field("reportingComponent", _text),
    15: Field("reportingInstance", _text),
}
_WANTED = {
    1: Field(
        "resourceAttributes",
        _message(_texts("namespace", "verb", "group", "version", "resource", "subresource", "name")),
    ),
    2: Field("nonResourceAttributes", _message(_texts("path", "verb"))),
}
_DELETE_OPTIONS = {
    1: Field("gracePeriodSeconds", _number),
    2: Field("preconditions", _message(_texts("uid", "resourceVersion"))),
    4: Field("propagationPolicy", _text),
    5: Field("dryRun", _text, many=True),
}
_KINDS: dict[tuple[str, str], Mapping[int, Field]] = {
    ("v1", "Namespace"): _NAMESPACE,
    ("v1", "Event"): _EVENT,
    ("v1", "ResourceQuota"): _QUOTA,
    ("coordination.k8s.io/v1", "Lease"): _LEASE,
    ("authentication.k8s.io/v1", "SelfSubjectReview"): _METADATA,
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): _METADATA | {2: Field("spec", _message(_WANTED))},
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview"): _METADATA
    | {2: Field("spec", _message(_texts("namespace")))},
    ("v1", "DeleteOptions"): _DELETE_OPTIONS,
    ("meta.k8s.io/v1", "DeleteOptions"): _DELETE_OPTIONS,
}
