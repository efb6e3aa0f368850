"""`apply`: create or change objects as manifests declare them, one by one; each says what became of it."""

import dataclasses
import time
from typing import Annotated, Any

import typer

from cli import failures, manifests, merge, screen
from cli.http import JSON, MERGE_PATCH, Api
from cli.manifests import Manifest, Problem
from cli.settings import Settings
from kohakuriver import errors

EXAMPLES = """
kohakuriver apply -f dev.yaml
kohakuriver apply -f manifests/ -n team
cat dev.yaml | kohakuriver apply -f -
"""
ATTEMPTS = 5
_PARAMS = {"fieldValidation": "Strict", "fieldManager": "kohakuriver-apply"}
_AGAIN = (
    errors.Conflict,
    errors.AlreadyExists,
    errors.OutcomeUnknown,
    errors.Unavailable,
    errors.TooManyRequests,
)
_HOPELESS = (errors.Unreachable, errors.Unauthorized)  # the next object would fare no better

Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename", "-f", metavar="FILE", help="A file, a folder of files, or - for stdin; may be repeated."
    ),
]


def apply(settings: Settings, filename: Files = None) -> int:
    """Create or change objects as manifests declare them.

    What a manifest no longer says is removed, what it never said is left alone. A document that is wrong
    changes nothing; the others are applied all the same.
    """
    if not filename:
        raise failures.UsageError("what is to be applied?", hint="name a file: kohakuriver apply -f FILE")
    found = manifests.read(filename)
    api = settings.api()
    good = [_apply_one(api, one, settings.namespace) for one in found]
    return 0 if all(good) else 1


def _apply_one(api: Api, one: manifests.Read, namespace: str | None) -> bool:
    """Whether it went well; what happened is printed."""
    if isinstance(one, Problem):
        screen.fail(str(one))
        return False
    if namespace and one.namespace not in (None, namespace):
        wrong = f"the manifest says {one.namespace}, the command line says {namespace}"
        screen.fail(str(one.problem(wrong, field="metadata.namespace")))
        return False
    try:
        screen.out(f"{one.title} {bring_about(api, one)}")
        screen.flush()
        return True
    except _HOPELESS:
        raise
    except errors.ApiError as error:
        report(one, error)
        return False


def report(one: Manifest, error: errors.ApiError) -> None:
    """A refusal of the server, with the line of each field it blames."""
    if not error.causes:
        screen.fail(str(one.problem(f"{one.title}: {error.message}")), hint=error.hint)
        return
    for cause in error.causes[:-1]:
        screen.fail(str(one.problem(cause.message, field=cause.field)))
    last = error.causes[-1]
    screen.fail(str(one.problem(last.message, field=last.field)), hint=error.hint)


def bring_about(api: Api, one: Manifest) -> str:
    """Make the object so: `created`, `configured` or `unchanged`. Looks again after a conflict, and after an
    answer that was lost. Raises ApiError."""
    lost = ""
    for attempt in range(1, ATTEMPTS + 1):
        step = _Step("", "GET", "")
        try:
            step = _plan(api, one)
            return step.take(api) or lost or "unchanged"
        except _AGAIN as error:
            if attempt == ATTEMPTS:
                raise
            if isinstance(error, errors.OutcomeUnknown):
                lost = step.verb
            time.sleep(min(error.retry_after or 0.1 * 2**attempt, 5.0))
    raise AssertionError("unreachable: the last attempt returns or raises")


@dataclasses.dataclass(frozen=True)
class _Step:
    """The one write that brings an object about; none when it is so already."""

    verb: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    version: str = ""  # the resourceVersion that the change was worked out from

    def take(self, api: Api) -> str:
        """Do it; what was done, nothing if nothing changed."""
        if self.body is None:
            return ""
        content_type = MERGE_PATCH if self.method == "PATCH" else JSON
        result = api.call(self.method, self.path, params=_PARAMS, body=self.body, content_type=content_type)
        return self.verb if result["metadata"]["resourceVersion"] != self.version else ""


def _plan(api: Api, one: Manifest) -> _Step:
    namespace = (one.namespace or api.namespace) if one.resource.namespaced else None
    body = dict(one.body, metadata=dict(one.body["metadata"]))
    if namespace:
        body["metadata"]["namespace"] = namespace
    else:
        body["metadata"].pop("namespace", None)
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
    return _Step("configured", "PATCH", path, change, current["metadata"]["resourceVersion"])
