"""Wait until one object is as it should be. `delete` and `wait` stand on it.

A judge looks at the object, None when it is not there, and says in words how it stands instead; nothing
means that the wait is over.
"""

from collections.abc import Callable
from typing import Any

from kohakuriver.cli import failures
from kohakuriver.cli.api import follow
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.resources import view
from kohakuriver.resources.kinds import ResourceType

Judge = Callable[[Object | None], str]
SAY_AFTER = 3.0  # seconds; who waits longer is told what for


def until(
    api: Api,
    resource: ResourceType,
    name: str,
    *,
    namespace: str | None,
    judge: Judge,
    deadline: Deadline,
    tell: Callable[[str], None] = lambda state: None,
) -> None:
    """Return when the judge is content; `tell` hears each other state. Raises ApiError, and TimedOut with the
    last state as its message."""
    path = api.path(resource, namespace=namespace)
    state = "it has not been seen yet"
    try:
        params = {"fieldSelector": f"metadata.name={name}"}
        for change in follow.follow(api, path, params=params, deadline=deadline):
            if change.type == "BOOKMARK":
                continue
            state = judge(_present(change))
            if not state:
                return
            tell(state)
    except failures.TimedOut:
        raise failures.TimedOut(state) from None


def _present(change: follow.Change) -> Object | None:
    if change.type == "LISTED":
        items: list[Any] = change.object["items"]
        return items[0] if items else None
    return None if change.type == "DELETED" else change.object


def summary(body: Object) -> str:
    """How an object stands, in a few words: `assigning (pulling the image)`."""
    found = view.Object.of(body)
    phase = "terminating" if found.is_terminating else found.status.text("phase")
    message = found.status.text("message")
    return f"{phase}: {message}" if phase and message else phase or message
