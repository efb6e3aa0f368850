"""Event of events.k8s.io: a core Event in the words in which newer clients read it. Never stored."""

from kohakuriver.resources import meta
from kohakuriver.resources.core import EventSeries, EventSource, ObjectReference


class Event(meta.Object):
    """Something that happened to an object: a view of the core Event of that name."""

    event_time: meta.MicroTimestamp | None = None
    """When it first happened."""
    series: EventSeries | None = None
    """Counts repetitions."""
    reporting_controller: str | None = None
    """Who reports."""
    reporting_instance: str | None = None
    """Which instance of it."""
    action: str | None = None
    """What was done."""
    reason: str | None = None
    """One CamelCase word for programs."""
    regarding: ObjectReference | None = None
    """What it happened to."""
    related: ObjectReference | None = None
    """Another object that has to do with it."""
    note: str | None = None
    """One sentence for people."""
    type: str | None = None
    """Normal or Warning."""
    deprecated_source: EventSource | None = None
    """Who reports, in the older form."""
    deprecated_first_timestamp: meta.Timestamp | None = None
    """When it first happened, in the older form."""
    deprecated_last_timestamp: meta.Timestamp | None = None
    """When it last happened, in the older form."""
    deprecated_count: meta.Int32 | None = None
    """How often it happened, in the older form."""
