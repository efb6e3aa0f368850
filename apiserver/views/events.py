"""A core Event in the form of events.k8s.io, which newer clients ask for alone. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from kohakuriver import clock
from kohakuriver.apiserver.views.fields import part, text, without_blanks
from kohakuriver.resources import kinds

Json = dict[str, Any]

# The newer name, and the core Event's.
RENAMED: Final[Mapping[str, str]] = {
    "series": "series",
    "reportingInstance": "reportingInstance",
    "action": "action",
    "reason": "reason",
    "regarding": "involvedObject",
    "related": "related",
    "note": "message",
    "type": "type",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


def form(event: Json) -> Json:
    """The newer form of this Event."""
    return {
        "kind": kinds.NEW_EVENT.kind,
        "apiVersion": kinds.NEW_EVENT.api_version,
        "metadata": event["metadata"],
        **without_blanks(
            **{newer: event.get(older) for newer, older in RENAMED.items()},
            eventTime=_since(event),
            reportingController=text(event, "reportingComponent") or text(part(event, "source"), "component"),
        ),
    }


def _since(event: Json) -> str:
    """Clients take none for an error, and Events in the older form have it in another field."""
    first = text(event, "firstTimestamp")
    try:
        return text(event, "eventTime") or (first and clock.micro_timestamp(clock.parse_timestamp(first)))
    except ValueError:
        return ""
