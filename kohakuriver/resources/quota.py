"""ResourceQuota of Kubernetes' core group: how much the VPSes and objects of a namespace may take in all.

The names in `spec.hard` are Kubernetes' own, and one for the size of what is stored.
"""

from typing import Annotated

import pydantic

from kohakuriver import quantity
from kohakuriver.resources import meta

CORES = "requests.cpu"
MEMORY = "requests.memory"
GPUS = "requests.nvidia.com/gpu"
DISK = "requests.storage"
VPSES = "count/vpses.kohakuriver.io"
OBJECT_BYTES = "kohakuriver.io/object-bytes"

BOOKED = (CORES, MEMORY, GPUS, DISK)
"""What is compared when a VPS gets its node; the others are compared when an object is written."""
NAMES = (*BOOKED, VPSES, OBJECT_BYTES)

_SHORT = {"cpu": CORES, "memory": MEMORY}
"""Kubernetes' other spelling of the same two."""


def full_name(name: str) -> str:
    """`requests.cpu` for `cpu`, as Kubernetes takes them to be one; any other name as it is."""
    return _SHORT.get(name, name)


def _limits(hard: dict[str, str | int | float]) -> dict[str, str | int | float]:
    for name, limit in hard.items():
        if full_name(name) not in NAMES:
            raise ValueError(f'"{name[:80]}" cannot be limited: use {", ".join(NAMES)}')
        if quantity.parse(limit) < 0:
            raise ValueError(f"{name} is {limit}: use 0 or more")
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
