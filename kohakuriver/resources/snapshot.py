"""Snapshot: the files of a VPS as they were at one moment, kept on its node.

Whoever asks for one writes `spec`; the server adds which VPS and which node that is; the node's agent takes
the files and writes `status`. Why it is so: docs/design/022-snapshots.md.
"""

import enum
import zoneinfo
from typing import Annotated

import pydantic

from kohakuriver import durations
from kohakuriver.resources import cron, meta

LONGEST_HOOK = 600.0  # seconds


class Phase(enum.StrEnum):
    """How far a Snapshot is."""

    TAKING = "Taking"
    READY = "Ready"
    FAILED = "Failed"
    LOST = "Lost"


class Volumes(enum.StrEnum):
    """Whether volumes are in a Snapshot."""

    INCLUDE = "Include"
    SKIP = "Skip"


class Cause(enum.StrEnum):
    """Why a Snapshot was taken."""

    MANUAL = "Manual"
    SCHEDULE = "Schedule"
    REPLACED = "Replaced"
    FORK = "Fork"


def _cron(text: str) -> str:
    cron.check(text)
    return text


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f'unknown time zone "{name}": use a name such as Europe/Berlin, or UTC') from None
    return name


def _hook_limit(value: str | float) -> str | float:
    if not 0 < durations.parse(value) <= LONGEST_HOOK:
        raise ValueError("use more than 0 and at most 10m")
    return value


Schedule = Annotated[str, pydantic.Field(max_length=100), pydantic.AfterValidator(_cron)]
TimeZone = Annotated[str, pydantic.Field(max_length=64), pydantic.AfterValidator(_time_zone)]
HookLimit = Annotated[meta.Duration, pydantic.AfterValidator(_hook_limit)]
HookCommand = Annotated[list[str], pydantic.Field(min_length=1, max_length=64)]
SnapshotName = Annotated[str, pydantic.Field(pattern=meta.SUBDOMAIN_PATTERN, max_length=253)]


class Hooks(meta.Model):
    """Commands that run as root inside the VPS around each of its snapshots, while it runs."""

    before: HookCommand | None = None
    """Runs before the files are taken. If it fails, the snapshot is taken nevertheless, and says so."""
    after: HookCommand | None = None
    """Runs afterwards, whether the files were taken or not."""
    timeout: HookLimit = "30s"
    """How long each may take; then it is ended, and counts as failed."""


class Plan(meta.Model):
    """`spec.snapshots` of a VPS: how its snapshots are taken, and when."""

    schedule: Schedule | None = None
    """When to take one, as a crontab says it: "0 3 * * *"; or @hourly, @daily, @weekly, @monthly."""
    time_zone: TimeZone | None = None
    """The time zone of the schedule, such as Europe/Berlin; by default UTC."""
    keep_last: Annotated[int, pydantic.Field(ge=1, le=100)] | None = None
    """How many scheduled snapshots stay. 7 by default, where `keepFor` is not set either."""
    keep_for: meta.Duration | None = None
    """How long scheduled snapshots stay. The newest good one always stays."""
    volumes: Volumes = pydantic.Field(default=Volumes.INCLUDE, strict=False)
    """Whether scheduled snapshots have the volumes in them."""
    pause: bool = True
    """Whether the VPS is paused while a scheduled snapshot is taken; else its files may change meanwhile."""
    hooks: Hooks | None = None
    """Commands inside the VPS before and after each snapshot."""


class FilesFrom(meta.Model):
    """`spec.filesFrom` of a VPS: what its files begin from, in place of its image."""

    snapshot: SnapshotName
    """A Snapshot of the same namespace. The VPS runs on the node that has it."""


class SnapshotVPS(meta.Model):
    """The VPS that a Snapshot is of."""

    name: Annotated[str, pydantic.Field(min_length=1, max_length=253)]
    """Its name, in the Snapshot's namespace."""
    uid: str | None = None
    """Its uid, which the server fills in: a namesake made since is another VPS."""
    node: str | None = None
    """The node it was on, which the server fills in: it takes the files and keeps them."""


class SnapshotSpec(meta.Model):
    """Which files, and for how long. Only `keepFor` can be changed later."""

    vps: SnapshotVPS
    """The VPS whose files are taken."""
    volumes: Volumes = pydantic.Field(default=Volumes.INCLUDE, strict=False)
    """Include: its volumes too. Skip: the files of its container alone."""
    pause: bool = True
    """Whether a running VPS is paused while its files are taken; else they may change meanwhile."""
    keep_for: meta.Duration | None = None
    """How long it stays after it was taken; by default until somebody deletes it."""
    cause: Cause = pydantic.Field(default=Cause.MANUAL, strict=False)
    """Manual, Schedule (by `spec.snapshots` of the VPS), Replaced (other files took their place) or Fork."""


class SnapshotVolume(meta.Model):
    """One volume in a Snapshot."""

    name: str | None = None
    """The name in `spec.volumes` of the VPS; absent for a volume that its image declares."""
    target: str
    """The path in the container."""
    size: Annotated[int, pydantic.Field(ge=0)]
    """Bytes on the node's disk."""
    digest: Annotated[str, pydantic.Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    """The digest of the archive with its files."""


class HookResult(meta.Model):
    """How a hook ended."""

    exit_code: int | None = None
    """The code it ended with; absent where it could not be run, or took too long."""
    message: Annotated[str, pydantic.Field(max_length=1024)] | None = None
    """Why it counts as failed, with the end of what it wrote."""


class SnapshotStatus(meta.Model):
    """What became of it; written by the agent of its node."""

    phase: Phase | None = pydantic.Field(default=None, strict=False)
    """Absent until its node has begun; then Taking, Ready, Failed, or Lost (its files are gone)."""
    message: Annotated[str, pydantic.Field(max_length=2048)] | None = None
    """What is being done, why it failed, or what is not in it."""
    taken_at: meta.Timestamp | None = None
    """When the files were as they are in it."""
    paused_milliseconds: Annotated[int, pydantic.Field(ge=0)] | None = None
    """For how long the VPS was paused; 0 where it was not."""
    image: Annotated[str, pydantic.Field(max_length=512)] | None = None
    """The image with the files of the container, in the engine of its node."""
    base: Annotated[str, pydantic.Field(max_length=512)] | None = None
    """The image that those files began from."""
    size: Annotated[int, pydantic.Field(ge=0)] | None = None
    """Bytes that it takes on the node's disk, beyond the image that the files began from."""
    volumes: Annotated[list[SnapshotVolume] | None, pydantic.Field(max_length=200)] = None
    """The volumes in it."""
    left_out: Annotated[
        list[Annotated[str, pydantic.Field(max_length=4200)]] | None, pydantic.Field(max_length=20)
    ] = None
    """Paths that are not in it, such as sockets; the first 20."""
    before: HookResult | None = None
    """How the hook before it ended."""
    after: HookResult | None = None
    """How the hook after it ended."""


class Snapshot(meta.Object):
    """The files of a VPS as they were at one moment."""

    spec: SnapshotSpec
    """Which files, and for how long."""
    status: SnapshotStatus | None = None
    """What became of it."""
