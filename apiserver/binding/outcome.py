"""How a write is asked for and what it answers, beside the object itself. Values only."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from kohakuriver import durations, errors
from kohakuriver.apiserver.binding.fencing import Leader
from kohakuriver.apiserver.objects.validation import FieldValidation

Json = dict[str, Any]

_PROPAGATION = ("Orphan", "Background", "Foreground")


@dataclasses.dataclass(frozen=True, slots=True)
class WriteOptions:
    """The query parameters of a create, update or patch."""

    dry_run: bool = False
    validation: FieldValidation = FieldValidation.WARN
    field_manager: str = ""  # who writes
    names_manager: bool = False  # whether the client itself said so, as an apply must
    force: bool | None = None  # of an apply: take over fields of others
    leader: Leader | None = None  # only while this one leads


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind: the object as it is now, or was last where the write removed it."""

    object: Json
    created: bool = False
    warnings: tuple[str, ...] = ()
    removed: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteOptions:
    """The body of a DELETE, `meta/v1 DeleteOptions`."""

    uid: str | None = None
    resource_version: str | None = None
    grace: int | None = None  # seconds
    dry_run: bool = False
    orphan: bool = False  # dependents stay

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> "DeleteOptions":
        """Raises BadRequest for what is no DeleteOptions."""
        preconditions = options.get("preconditions") or {}
        grace, dry_run = options.get("gracePeriodSeconds"), options.get("dryRun") or []
        policy = options.get("propagationPolicy")
        if not isinstance(preconditions, dict):
            raise errors.BadRequest("preconditions: expected an object with uid or resourceVersion")
        for field in ("uid", "resourceVersion"):
            if not isinstance(preconditions.get(field), str | None):
                raise errors.BadRequest(f"preconditions.{field}: expected a string")
        if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool) or grace < 0):
            raise errors.BadRequest("gracePeriodSeconds: expected a number of seconds, 0 or more")
        if policy is not None and policy not in _PROPAGATION:
            raise errors.BadRequest(f"propagationPolicy: expected one of {', '.join(_PROPAGATION)}")
        if dry_run not in ([], ["All"]):
            raise errors.BadRequest('dryRun: expected ["All"]')
        return cls(
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            grace=None if grace is None else whole_seconds(grace),
            dry_run=bool(dry_run),
            orphan=policy == "Orphan" or bool(options.get("orphanDependents")),
        )


def whole_seconds(duration: float) -> int:
    """A grace period as deletionGracePeriodSeconds holds it."""
    return math.ceil(min(duration, durations.LONGEST_GRACE))
