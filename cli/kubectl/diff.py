"""`diff`: what `apply` would change, worked out by the server. 0: nothing, 1: something, 2: it went wrong."""

import difflib
import sys
from collections.abc import Iterator

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.dry_run import Rehearsal
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import declaring, manifests, merge, output
from kohakuriver.cli.kubectl.apply import Files, ForceConflicts, Manager, Recursive, ServerSide
from kohakuriver.cli.kubectl.manifests import Manifest, Problem

EXAMPLES = """
kohakuriver diff -f dev.yaml
kohakuriver diff -R -f manifests/
cat dev.yaml | kohakuriver diff -f -
"""
_SAME, _OTHER, _WRONG = 0, 1, 2
_COLOURS = {"+": "32", "-": "31", "@": "36"}


def diff(
    settings: Settings,
    filename: Files = None,
    recursive: Recursive = False,
    server_side: ServerSide = False,
    force_conflicts: ForceConflicts = False,
    field_manager: Manager = None,
) -> int:
    """Show what `apply` would change, without changing it. Exits with 0 (nothing), 1 (something) or 2 (an
    error)."""
    if not filename:
        raise failures.UsageError("what is to be compared?", hint="name a file: kohakuriver diff -f FILE")
    way = declaring.Way(
        rehearsal=Rehearsal.SERVER,
        server_side=server_side,
        force=force_conflicts,
        manager=field_manager or "",
    )
    try:
        api = settings.api()
        codes = [_compare(api, one, way) for one in manifests.read(filename, recursive=recursive)]
    except errors.KohakuRiverError as error:
        screen.fail(error.message, hint=error.hint)
        return _WRONG
    return max(codes, default=_SAME)


def _compare(api: Api, one: manifests.Read, way: declaring.Way) -> int:
    if isinstance(one, Problem):
        screen.fail(str(one))
        return _WRONG
    namespace, _ = declaring.placed(api, one)
    path = api.path(one.resource, namespace=namespace, name=one.name)
    try:
        before: Object | None = api.call("GET", path)
    except errors.NotFound:
        before = None
    try:
        after = declaring.bring_about(api, one, way).body or before
    except errors.ApiError as error:
        declaring.report(one, error)
        return _WRONG
    found = list(lines(one, before, after))
    if found:
        screen.out("\n".join(map(_coloured, found)))
    return _OTHER if found else _SAME


def lines(one: Manifest, before: Object | None, after: Object | None) -> Iterator[str]:
    """The difference, as `diff -u` writes it. Pure."""
    return difflib.unified_diff(
        _yaml(before),
        _yaml(after),
        fromfile=f"{one.title} (there)",
        tofile=f"{one.title} (declared)",
        lineterm="",
    )


def _yaml(body: Object | None) -> list[str]:
    if body is None:
        return []
    metadata = {
        key: value
        for key, value in output.without_noise(body)["metadata"].items()
        if key not in ("resourceVersion", "generation", "uid", "creationTimestamp")
    }
    annotations = dict(metadata.pop("annotations", None) or {})
    annotations.pop(merge.LAST_APPLIED, None)
    if annotations:
        metadata["annotations"] = annotations
    shown = {key: value for key, value in body.items() if key != "status"}
    return output.to_yaml({**shown, "metadata": metadata}).splitlines()


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return screen.coloured(line, colour, sys.stdout) if colour else line
