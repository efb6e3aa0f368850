"""ResourceQuota of Kubernetes' core group: how much the VPSes and objects of a namespace may take in all.

The names in `spec.hard` are Kubernetes' own, and one for the size of what is stored.
"""

import math
from typing import Annotated

import pydantic

from kohakuriver import quantity
from kohakuriver.resources import meta

CORES = "requests.cpu"
MEMORY = "requests.memory"
GPUS = "requests.nvidia.com/gpu"
DISK = "requests.storage"
VPSES = "count/vpses.kohakuriver.io"
SNAPSHOTS = "count/snapshots.kohakuriver.io"
OBJECT_BYTES = "kohakuriver.io/object-bytes"

BOOKED = (CORES, MEMORY, GPUS, DISK)
"""What is compared when a VPS gets its node; the others are compared when an object is written. Of `DISK`
the files of Snapshots take some too: another is refused where nothing is left."""
WRITTEN = (VPSES, SNAPSHOTS, OBJECT_BYTES)
NAMES = (*BOOKED, *WRITTEN)

PIECES = (GPUS, VPSES, SNAPSHOTS)
_SHORT = {"cpu": CORES, "memory": MEMORY}
"""Kubernetes' other spelling of the same two."""


def whole(name: str, limit: str | int | float) -> int:
    """A limit in millicores, bytes or pieces, rounded down: nobody gets what is not wholly allowed. Raises
    ValueError."""
    value = quantity.parse(limit)
    return math.floor(value * 1000 if full_name(name) == CORES else value)


def full_name(name: str) -> str:
    """`requests.cpu` for `cpu`, as Kubernetes takes them to be one; any other name as it is."""
    return _SHORT.get(name, name)


def check_limit(name: str, limit: str | int | float) -> None:
    """Raises ValueError, with a sentence that names the resource, for an amount that cannot be its limit."""
    try:
        value = quantity.parse(limit)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if value < 0:
        raise ValueError(f"{name} is {limit}: use 0 or more")
    if full_name(name) in PIECES and value != int(value):
        raise ValueError(f"{name} is {limit}: use a whole number")


def _limits(hard: dict[str, str | int | float]) -> dict[str, str | int | float]:
    for name, limit in hard.items():
        if full_name(name) not in NAMES:
            raise ValueError(f'"{name[:80]}" cannot be limited: use {", ".join(NAMES)}')
        check_limit(name, limit)
    return hard


def _no_scopes(scopes: object) -> object:
    if scopes:
        raise ValueError("a quota here is for a whole namespace: leave scopes and scopeSelector out")
    return scopes


class ResourceQuotaSpec(meta.Model):
    """What the namespace may take in all."""

    hard: Annotated[dict[str, str | int | float], pydantic.AfterValidator(_limits)] | None = None
    """The most of each, by name; what is not named here is not limited by this quota."""
    scopes: Annotated[list[str] | None, pydantic.AfterValidator(_no_scopes)] = None
    """Kept for Kubernetes' clients; must be empty."""
    scope_selector: Annotated[dict[str, object] | None, pydantic.AfterValidator(_no_scopes)] = None
    """Kept for Kubernetes' clients; must be empty."""


class ResourceQuotaStatus(meta.Model):
    """How much of it is taken."""

    hard: dict[str, str | int | float] | None = None
    """The limits that hold."""
    used: dict[str, str | int | float] | None = None
    """What is taken of each."""


class ResourceQuota(meta.Object):
    """How much the VPSes and objects of its namespace may take in all."""

    spec: ResourceQuotaSpec = pydantic.Field(default_factory=ResourceQuotaSpec)
    """What the namespace may take in all."""
    status: ResourceQuotaStatus | None = None
    """How much of it is taken; the server works it out when it is read."""
