"""The forms of an answer: objects as they are, by their metadata, or as a Table; chosen by the Accept header.

A form turns JSON that the cache holds into the bytes of a list or of one watch event. Forms are values:
two requests with equal forms share the bytes of an event. Pure.
"""

import dataclasses
import datetime
import enum
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import orjson

from kohakuriver.apiserver.printers import tables
from kohakuriver.errors import BadRequest, NotAcceptable
from kohakuriver.resources.kinds import ResourceType

_PARTIAL = ("partialobjectmetadata", "partialobjectmetadatalist")


class EventType(enum.StrEnum):
    """What a watch event says."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    ERROR = "ERROR"


class Form(Protocol):
    """How objects of one kind are shown. Hashable; equal forms make equal bytes."""

    costly: ClassVar[bool]  # whether items take work enough to be made a few at a time
    kept: ClassVar[bool]  # whether an event's bytes are kept for the next who wants them so

    def one(self, raw: bytes, now: datetime.datetime) -> bytes:
        """A single object."""
        ...

    def rows(self, raws: Sequence[bytes], now: datetime.datetime) -> list[bytes]:
        """Objects as the items of a list."""
        ...

    def around(self, metadata: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """What stands before and behind the items of a list, which commas are between."""
        ...

    def event(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        """One line of a watch."""
        ...

    def bookmark(self, metadata: Mapping[str, Any]) -> bytes:
        """The line that says how far a watch has come."""
        ...


@dataclasses.dataclass(frozen=True)
class Plain:
    """Objects as they are."""

    costly: ClassVar[bool] = False
    kept: ClassVar[bool] = False

    resource: ResourceType

    def one(self, raw: bytes, now: datetime.datetime) -> bytes:
        return raw

    def rows(self, raws: Sequence[bytes], now: datetime.datetime) -> list[bytes]:
        return list(raws)

    def around(self, metadata: Mapping[str, Any]) -> tuple[bytes, bytes]:
        kind, version = f"{self.resource.kind}List", self.resource.api_version
        head = orjson.dumps({"kind": kind, "apiVersion": version, "metadata": metadata})
        return head[:-1] + b',"items":[', b"]}"

    def event(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        return b'{"type":"%b","object":%b}\n' % (type_.encode(), raw)

    def bookmark(self, metadata: Mapping[str, Any]) -> bytes:
        kind, version = self.resource.kind, self.resource.api_version
        return line(EventType.BOOKMARK, {"kind": kind, "apiVersion": version, "metadata": metadata})


@dataclasses.dataclass(frozen=True)
class Table:
    """Objects as rows of cells."""

    costly: ClassVar[bool] = True
    kept: ClassVar[bool] = True

    resource: ResourceType
    include: tables.IncludeObject = tables.IncludeObject.METADATA

    def one(self, raw: bytes, now: datetime.datetime) -> bytes:
        return orjson.dumps(self._table(raw, now))

    def rows(self, raws: Sequence[bytes], now: datetime.datetime) -> list[bytes]:
        return [orjson.dumps(self._row(orjson.loads(raw), now)) for raw in raws]

    def around(self, metadata: Mapping[str, Any]) -> tuple[bytes, bytes]:
        head = orjson.dumps(tables.table(self.resource, [], metadata))
        return head.removesuffix(b"]}"), b"]}"

    def event(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        return line(type_, self._table(raw, now))

    def bookmark(self, metadata: Mapping[str, Any]) -> bytes:
        return line(EventType.BOOKMARK, tables.table(self.resource, [], metadata))

    def _row(self, obj: dict[str, Any], now: datetime.datetime) -> dict[str, Any]:
        return tables.row(self.resource, obj, include=self.include, now=now)

    def _table(self, raw: bytes, now: datetime.datetime) -> dict[str, Any]:
        obj = orjson.loads(raw)
        version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return tables.table(self.resource, [self._row(obj, now)], version)


@dataclasses.dataclass(frozen=True)
class Partial:
    """Objects by their metadata alone."""

    costly: ClassVar[bool] = True
    kept: ClassVar[bool] = True

    resource: ResourceType

    def one(self, raw: bytes, now: datetime.datetime) -> bytes:
        return orjson.dumps(tables.partial(orjson.loads(raw)))

    def rows(self, raws: Sequence[bytes], now: datetime.datetime) -> list[bytes]:
        return [self.one(raw, now) for raw in raws]

    def around(self, metadata: Mapping[str, Any]) -> tuple[bytes, bytes]:
        named = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        return orjson.dumps(named)[:-1] + b',"items":[', b"]}"

    def event(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        return line(type_, tables.partial(orjson.loads(raw)))

    def bookmark(self, metadata: Mapping[str, Any]) -> bytes:
        return line(EventType.BOOKMARK, tables.partial({"metadata": metadata}))


def line(type_: EventType, obj: Mapping[str, Any]) -> bytes:
    """One event of a watch, as it stands on the wire."""
    return orjson.dumps({"type": type_, "object": obj}) + b"\n"


def negotiate(resource: ResourceType, accept: str, include: str) -> Form:
    """The form that an Accept header asks for first among those there are. Raises NotAcceptable."""
    for choice in accept.split(",") if accept.strip() else ("*/*",):
        media, *parameters = [part.strip().lower() for part in choice.split(";")]
        if media not in ("application/json", "application/*", "*/*"):
            continue
        asked = dict(part.split("=", 1) for part in parameters if "=" in part)
        if "as" not in asked:
            return Plain(resource)
        if asked["as"] == "table" and asked.get("v", "v1") == "v1":
            return Table(resource, _include(include))
        if asked["as"] in _PARTIAL and asked.get("v", "v1") == "v1":
            return Partial(resource)
    raise NotAcceptable(
        f"none of the forms asked for is served: {accept}", hint="ask for Accept: application/json"
    )


def _include(text: str) -> tables.IncludeObject:
    try:
        return tables.IncludeObject(text) if text else tables.IncludeObject.METADATA
    except ValueError as error:
        raise BadRequest(
            f'unrecognized includeObject value: "{text}"', hint="use None, Metadata or Object"
        ) from error
