"""Namespace and Event of Kubernetes' core group, in the fields that its clients write and read."""

import pydantic

from kohakuriver.resources import meta


class NamespaceSpec(meta.Model):
    """Attributes of a namespace."""

    finalizers: list[str] | None = None
    """What must be done before the namespace goes."""


class NamespaceStatus(meta.Model):
    """Where a namespace stands."""

    phase: str | None = None
    """Active or Terminating."""
    default_quota: dict[str, str] | None = None
    """What the API server limits here, of what no ResourceQuota names; shown with one Namespace alone."""
    policies: list[str] | None = None
    """Which Policies hold here, and what each says; shown with one Namespace alone."""


class Namespace(meta.Object):
    """A room for names: VPSes of different namespaces may share one."""

    spec: NamespaceSpec | None = None
    """Attributes of the namespace."""
    status: NamespaceStatus | None = None
    """Where it stands."""


class ObjectReference(meta.Model):
    """Which object is meant."""

    api_version: str | None = None
    """Its group and version."""
    kind: str | None = None
    """Its kind."""
    namespace: str | None = None
    """Its namespace."""
    name: str | None = None
    """Its name."""
    uid: str | None = None
    """Its uid."""
    resource_version: str | None = None
    """The version that was seen."""
    field_path: str | None = None
    """The part of it that is meant."""


class EventSource(meta.Model):
    """Who reports."""

    component: str | None = None
    """The program."""
    host: str | None = None
    """The node it runs on."""


class EventSeries(meta.Model):
    """Repetitions of one event, in the newer form."""

    count: meta.Int32 | None = None
    """How often it has happened."""
    last_observed_time: meta.MicroTimestamp | None = None
    """When it last happened."""


class Event(meta.Object):
    """Something that happened to an object. Kept for an hour."""

    involved_object: ObjectReference
    """What it happened to."""
    reason: str | None = None
    """One CamelCase word for programs."""
    message: str | None = None
    """One sentence for people."""
    type: str | None = None
    """Normal or Warning."""
    source: EventSource | None = None
    """Who reports."""
    first_timestamp: meta.Timestamp | None = None
    """When it first happened."""
    last_timestamp: meta.Timestamp | None = None
    """When it last happened."""
    count: meta.Int32 | None = None
    """How often it happened."""
    event_time: meta.MicroTimestamp | None = None
    """When it happened, in the newer form."""
    action: str | None = None
    """What was done."""
    related: ObjectReference | None = None
    """Another object that has to do with it."""
    reporting_component: str | None = pydantic.Field(default=None)
    """Who reports, in the newer form."""
    reporting_instance: str | None = None
    """Which instance of it."""
    series: EventSeries | None = None
    """Counts repetitions, in the newer form."""
