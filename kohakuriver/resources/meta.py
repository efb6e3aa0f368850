"""What every object has: metadata and conditions; and the strict base that all models stand on."""

import datetime
import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import alias_generators

from kohakuriver import cpuset, durations, overcommit, quantity

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN_PATTERN = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MICROSECONDS = re.compile(r":\d\d\.\d{6}(Z|[+-])", re.ASCII)

LIST_TYPE = "x-kubernetes-list-type"
LIST_KEYS = "x-kubernetes-list-map-keys"


def keyed_by(*keys: str) -> Any:
    """A list whose items these fields tell apart, so that several clients may each have their own."""
    extensions: dict[str, Any] = {
        LIST_TYPE: "map",
        LIST_KEYS: list(keys),
        "x-kubernetes-patch-merge-key": keys[0],
        "x-kubernetes-patch-strategy": "merge",
    }
    return pydantic.Field(json_schema_extra=extensions)


def a_set() -> Any:
    """A list whose items are there or not, whatever their order; several clients may add to it."""
    extensions: dict[str, Any] = {LIST_TYPE: "set", "x-kubernetes-patch-strategy": "merge"}
    return pydantic.Field(json_schema_extra=extensions)


class Model(pydantic.BaseModel):
    """JSON in camelCase, unknown fields refused, wrong types never coerced silently."""

    model_config = pydantic.ConfigDict(
        alias_generator=alias_generators.to_camel,
        populate_by_name=True,
        extra="forbid",
        strict=True,
    )

    def to_json(self) -> dict[str, Any]:
        """This object as JSON holds it: camelCase, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _cores(value: str | int | float) -> str | int | float:
    if quantity.millicores(value) < 10:
        raise ValueError(f'invalid number of cores "{value}": use 0.01 or more')
    return value


def _memory(value: str | int | float) -> str | int | float:
    if quantity.size(value) < 6 * 1024 * 1024:
        meant = "; m stands for thousandths, M for megabytes" if str(value).endswith("m") else ""
        raise ValueError(f'invalid memory "{value}": use 6Mi or more, such as 512Mi or 4Gi{meant}')
    return value


def _disk(value: str | int | float) -> str | int | float:
    if quantity.size(value) < 64 * 1024 * 1024:
        raise ValueError(f"{value} of disk: at least 64Mi is needed, such as 10Gi")
    return value


def _duration(value: str | int | float) -> str | int | float:
    durations.parse(value)
    return value


def _grace(value: str | int | float) -> str | int | float:
    if durations.parse(value) > durations.LONGEST_GRACE:
        raise ValueError("nothing is waited for longer than 336h, which is 14 days")
    return value


def _cores_found(text: str) -> str:
    if not 0 <= quantity.millicores(text) <= cpuset.MOST * 1000:
        raise ValueError(f"no machine has {text} cores: 0 to {cpuset.MOST} are taken")
    return text


def _memory_found(text: str) -> str:
    if not 0 <= quantity.size(text) < 2**63:
        raise ValueError(f"no machine has {text} of memory")
    return text


def _ratio(text: str) -> str:
    overcommit.parse(text)
    return text


def _cpuset(text: str) -> str:
    cpuset.parse(text)
    return text


def _time(text: str) -> str:
    try:
        if not _RFC3339.fullmatch(text):
            raise ValueError("not RFC 3339")
        datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise ValueError("write a time such as 2026-01-31T12:00:00Z") from None
    return text


def _micro_time(text: str) -> str:
    """Typed clients of Kubernetes read such a field with six digits and in no other form."""
    if not _MICROSECONDS.search(_time(text)):
        raise ValueError("write a time with six digits behind the point, such as 2026-01-31T12:00:00.000000Z")
    return text


Cores = Annotated[str | int | float, pydantic.AfterValidator(_cores)]
Memory = Annotated[str | int | float, pydantic.AfterValidator(_memory)]
Disk = Annotated[str | int | float, pydantic.AfterValidator(_disk)]
Duration = Annotated[str | int | float, pydantic.AfterValidator(_duration)]
Grace = Annotated[str | int | float, pydantic.AfterValidator(_grace)]
CoresFound = Annotated[str, pydantic.AfterValidator(_cores_found)]  # by a node: what it has, or a container
MemoryFound = Annotated[str, pydantic.AfterValidator(_memory_found)]
CPUSet = Annotated[str, pydantic.AfterValidator(_cpuset)]
Ratio = Annotated[str, pydantic.AfterValidator(_ratio)]
Timestamp = Annotated[str, pydantic.AfterValidator(_time)]
MicroTimestamp = Annotated[str, pydantic.AfterValidator(_micro_time)]
Int32 = Annotated[int, pydantic.Field(ge=-(2**31), le=2**31 - 1)]
Port = Annotated[int, pydantic.Field(ge=1, le=65535)]
Labels = dict[str, str]


class OwnerReference(Model):
    """The object without which this one has no reason to be."""

    api_version: str
    """The owner's group and version."""
    kind: str
    """The owner's kind."""
    name: str
    """The owner's name, in the same namespace or in none."""
    uid: str
    """The owner's uid: a namesake is not the owner."""
    controller: bool | None = None
    """Whether this is the one owner that manages the object."""
    block_owner_deletion: bool | None = None
    """Kept for Kubernetes' clients; owners do not wait for their dependents."""


class ObjectMeta(Model):
    """Standard object's metadata, as in Kubernetes' meta/v1."""

    name: Annotated[str, pydantic.Field(pattern=SUBDOMAIN_PATTERN, max_length=253)] | None = None
    """Unique within the namespace; it cannot be changed."""
    generate_name: str | None = None
    """A prefix from which the server makes a unique name where none is given."""
    namespace: str | None = None
    """The namespace the object lies in."""
    labels: Labels | None = None
    """Keys and values to select objects by."""
    annotations: Labels | None = None
    """Keys and values that tools keep with the object."""
    finalizers: Annotated[list[str] | None, a_set()] = None
    """The object stays, with a deletionTimestamp, until this list is empty."""
    owner_references: Annotated[list[OwnerReference] | None, keyed_by("uid")] = None
    """The objects this one depends on."""
    uid: str | None = None
    """Made by the server: tells an object from its namesakes."""
    resource_version: str | None = None
    """Changes with every write; compare for equality only."""
    generation: int | None = None
    """Counts the changes of spec."""
    creation_timestamp: Timestamp | None = None
    """When the server took the object in."""
    deletion_timestamp: Timestamp | None = None
    """When deletion was asked for."""
    deletion_grace_period_seconds: int | None = None
    """How long the object may take to end."""
    managed_fields: list[dict[str, Any]] | None = None
    """Which client set which field."""
    self_link: str | None = None
    """Deprecated; ignored."""


class Condition(Model):
    """One thing that is so, is not so, or is not known of an object."""

    type: str
    """CamelCase, unique in the list."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    reason: str = ""
    """One CamelCase word for programs."""
    message: str = ""
    """One sentence for people."""
    last_transition_time: Timestamp | None = None
    """When `status` last changed."""
    observed_generation: int | None = None
    """The spec this was true of."""


class Object(Model):
    """The outer shape of every kind."""

    api_version: str
    """The group and version of this kind."""
    kind: str
    """The kind of this object."""
    metadata: ObjectMeta
    """Standard object's metadata."""
