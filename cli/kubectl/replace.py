"""`replace`: make objects exactly what manifests say; what these leave out is gone."""

import time
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework import dry_run
from kohakuriver.cli.framework.dry_run import DryRun, Rehearsal
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import declaring, manifests
from kohakuriver.cli.kubectl.apply import Files, Recursive
from kohakuriver.cli.kubectl.manifests import Manifest, Problem

EXAMPLES = """
kohakuriver replace -f dev.yaml
kohakuriver get vps dev -o yaml | kohakuriver replace -f -
"""


def replace(
    settings: Settings, filename: Files = None, recursive: Recursive = False, dry_run_text: DryRun = None
) -> int:
    """Put manifests in the place of the objects that are there. `apply` leaves alone what others set; this
    does not. A resourceVersion in a manifest makes it a condition."""
    rehearsal = dry_run.read(dry_run_text)
    if not filename:
        raise failures.UsageError("what is to be replaced?", hint="name a file: kohakuriver replace -f FILE")
    api, good = settings.api(), True
    for one in manifests.read(filename, recursive=recursive):
        if isinstance(one, Problem):
            screen.fail(str(one))
            good = False
            continue
        try:
            _replace(api, one, rehearsal)
        except errors.ApiError as error:
            declaring.report(one, error)
            good = False
            continue
        screen.out(f"{one.title} replaced{rehearsal.suffix}")
        screen.flush()
    return 0 if good else 1


def _replace(api: Api, one: Manifest, rehearsal: Rehearsal) -> Object:
    """The object as it is then. Looks again where the manifest names no version and somebody was quicker."""
    namespace, body = declaring.placed(api, one)
    path = api.path(one.resource, namespace=namespace, name=one.name)
    params = {"fieldManager": "kohakuriver-replace", "fieldValidation": "Strict", **rehearsal.params}
    for attempt in range(1, declaring.ATTEMPTS + 1):
        current = api.call("GET", path)
        version = body["metadata"].get("resourceVersion") or current["metadata"]["resourceVersion"]
        whole: dict[str, Any] = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
        if rehearsal is Rehearsal.CLIENT:
            return whole
        try:
            return api.call("PUT", path, params=params, body=whole)
        except errors.Conflict:
            if attempt == declaring.ATTEMPTS or "resourceVersion" in body["metadata"]:
                raise
            time.sleep(0.1 * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")
