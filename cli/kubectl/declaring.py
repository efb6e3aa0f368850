"""Brings one object about as a manifest declares it; `apply`, `diff` and `replace` stand on it.

Client-side by kubectl's three-way merge (`merge.py`), or server-side, where the server keeps whose each field
is. Both look again after a conflict of versions, and after an answer that was lost.
"""

import dataclasses
import time
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.api.http import APPLY_PATCH, JSON, MERGE_PATCH, Api, Object
from kohakuriver.cli.framework.dry_run import Rehearsal
from kohakuriver.cli.kubectl import merge
from kohakuriver.cli.kubectl.manifests import Manifest

ATTEMPTS = 5
MANAGER = "kohakuriver"  # of server-side apply
_CLIENT_MANAGER = "kohakuriver-apply"
_AGAIN = (
    errors.Conflict,
    errors.AlreadyExists,
    errors.OutcomeUnknown,
    errors.Unavailable,
    errors.TooManyRequests,
)
_OWNED = "FieldManagerConflict"


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """How objects are brought about: by whom, on which side, and whether in earnest."""

    rehearsal: Rehearsal = Rehearsal.NONE
    server_side: bool = False
    force: bool = False  # take fields over that others manage
    manager: str = ""

    @property
    def params(self) -> dict[str, str]:
        found = {"fieldValidation": "Strict", **self.rehearsal.params}
        found["fieldManager"] = self.manager or (MANAGER if self.server_side else _CLIENT_MANAGER)
        return found | ({"force": "true"} if self.server_side and self.force else {})


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """What became of an object: a word, and the object as it is then, where the server told it."""

    word: str
    body: Object | None = None


def placed(api: Api, one: Manifest) -> tuple[str | None, Object]:
    """The namespace that the object lies in, and its manifest with that written into it."""
    namespace = (one.namespace or api.namespace) if one.resource.namespaced else None
    body = dict(one.body, metadata=dict(one.body["metadata"]))
    if namespace:
        body["metadata"]["namespace"] = namespace
    else:
        body["metadata"].pop("namespace", None)
    return namespace, body


def report(one: Manifest, error: errors.ApiError) -> None:
    """A refusal of the server, with the line of each field it blames."""
    owned = [cause for cause in error.causes if cause.reason == _OWNED]
    hint = error.hint
    if owned and not hint:
        hint = "leave these fields out, or take them over with --force-conflicts"
    if not error.causes:
        screen.fail(str(one.problem(f"{one.title}: {error.message}")), hint=hint)
        return
    for cause in error.causes[:-1]:
        screen.fail(str(one.problem(cause.message, field=cause.field.lstrip("."))))
    last = error.causes[-1]
    screen.fail(str(one.problem(last.message, field=last.field.lstrip("."))), hint=hint)


def bring_about(api: Api, one: Manifest, way: Way = Way()) -> Done:
    """Make the object so: `created`, `configured`, `unchanged` or `serverside-applied`. Raises ApiError."""
    lost = ""
    for attempt in range(1, ATTEMPTS + 1):
        step = _Step("", "GET", "")
        try:
            step = _server_side(api, one) if way.server_side else _plan(api, one)
            done = step.take(api, way)
            return done if done.word else dataclasses.replace(done, word=lost or "unchanged")
        except _AGAIN as error:
            if attempt == ATTEMPTS or any(cause.reason == _OWNED for cause in error.causes):
                raise
            if isinstance(error, errors.OutcomeUnknown):
                lost = step.word
            time.sleep(min(error.retry_after or 0.1 * 2**attempt, 5.0))
    raise AssertionError("unreachable: the last attempt returns or raises")


@dataclasses.dataclass(frozen=True)
class _Step:
    """The one write that brings an object about; none when it is so already."""

    word: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    version: str = ""  # the resourceVersion that the change was worked out from
    content_type: str = JSON

    def take(self, api: Api, way: Way) -> Done:
        """Do it; no word if nothing changed."""
        if self.body is None:
            return Done("")
        if way.rehearsal is Rehearsal.CLIENT:
            return Done(self.word)
        result = api.call(
            self.method, self.path, params=way.params, body=self.body, content_type=self.content_type
        )
        is_new = bool(way.rehearsal) or result["metadata"].get("resourceVersion") != self.version
        return Done(self.word if is_new else "", result)


def _server_side(api: Api, one: Manifest) -> _Step:
    namespace, body = placed(api, one)
    body["metadata"].pop("managedFields", None)
    path = api.path(one.resource, namespace=namespace, name=one.name)
    return _Step("serverside-applied", "PATCH", path, body, content_type=APPLY_PATCH)


def _plan(api: Api, one: Manifest) -> _Step:
    namespace, body = placed(api, one)
    modified = merge.annotated(body)
    path = api.path(one.resource, namespace=namespace, name=one.name)
    try:
        current = api.call("GET", path)
    except errors.NotFound:
        return _Step("created", "POST", api.path(one.resource, namespace=namespace), modified)
    change = merge.patch(merge.last_applied(current), modified, current)
    if not change:
        return _Step("", "GET", path)
    if current["metadata"].get("deletionTimestamp"):
        screen.warn(f"{one.title} is being deleted; what is changed goes with it")
    version = current["metadata"]["resourceVersion"]
    return _Step("configured", "PATCH", path, change, version, content_type=MERGE_PATCH)
