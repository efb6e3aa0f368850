"""`get`: objects as tables made by the server, or whole; `-w` stays and shows each change."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli import failures, follow, output, screen, table, targets
from cli.http import TABLE, Api, Object
from cli.output import Output
from cli.settings import Settings
from cli.targets import Target
from kohakuriver import errors
from kohakuriver.resources.kinds import ResourceType

EXAMPLES = """
kohakuriver get vps
kohakuriver get vps dev -o yaml
kohakuriver get vps -w
kohakuriver get vps,nodes -A -o wide
kohakuriver get vps/dev -o jsonpath='{.status.phase}'
"""

Words = Annotated[
    list[str] | None, typer.Argument(metavar="KIND [NAME]... | KIND/NAME...", show_default=False)
]
Format = Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help=f"One of {output.FORMATS}.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show each change.")]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Only those with these labels: a=b,c!=d."),
]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]


@dataclasses.dataclass(frozen=True)
class _Query:
    """What is asked for, the same for every kind."""

    format: Output
    selector: str
    everywhere: bool
    headers: bool
    several_kinds: bool

    @property
    def params(self) -> dict[str, str]:
        return {"labelSelector": self.selector} if self.selector else {}

    def path(self, api: Api, resource: ResourceType, name: str = "") -> str:
        return api.path(resource, namespace=None if self.everywhere else api.namespace, name=name)

    def layout(self, resource: ResourceType) -> table.Layout:
        return table.Layout(
            resource,
            wide=self.format.wide,
            with_namespace=self.everywhere and resource.namespaced,
            with_kind=self.several_kinds,
        )


def get(
    settings: Settings,
    words: Words = None,
    output_format: Format = "table",
    watch: Watch = False,
    selector: Selector = None,
    all_namespaces: Everywhere = False,
    no_headers: NoHeaders = False,
) -> int:
    """List objects of a kind, or show some by name."""
    wanted = targets.parse(words or [])
    query = _Query(
        format=output.parse(output_format),
        selector=selector or "",
        everywhere=all_namespaces,
        headers=not no_headers,
        several_kinds=len(wanted) > 1,
    )
    _check(query, wanted, watch)
    api = settings.api()
    if watch:
        return _watch(api, query, wanted[0])
    return _objects(api, query, wanted) if query.format.render else _tables(api, query, wanted)


def _check(query: _Query, wanted: list[Target], watch: bool) -> None:
    """Raises UsageError for what does not go together."""
    names = any(target.names for target in wanted)
    if names and query.selector:
        raise failures.UsageError("names and -l do not go together", hint="leave one of them out")
    if names and query.everywhere and any(target.resource.namespaced for target in wanted):
        raise failures.UsageError("a name and -A do not go together", hint="say where it is: -n NAMESPACE")
    if watch and (len(wanted) > 1 or len(wanted[0].names) > 1):
        raise failures.UsageError("-w watches one kind, or one object", hint="leave the others out")


def _tables(api: Api, query: _Query, wanted: list[Target]) -> int:
    missing, shown = 0, 0
    for target in wanted:
        found, failed = _fetch(api, query, target, TABLE)
        missing += failed
        rows = [row for one in found for row in table.rows(one, query.layout(target.resource))]
        if not rows:
            continue
        lines = [table.header(found[0], query.layout(target.resource)), *rows]
        text = table.Printer().lines(lines if query.headers else rows)
        screen.out(("\n" if shown and query.headers else "") + "\n".join(text))
        shown += len(rows)
    if not shown and not missing:
        screen.note(_nothing(api, query, wanted))
    return 1 if missing else 0


def _objects(api: Api, query: _Query, wanted: list[Target]) -> int:
    render = query.format.render
    assert render is not None  # noqa: S101 - tables go elsewhere
    objects: list[Object] = []
    missing, single = 0, len(wanted) == 1 and len(wanted[0].names) == 1
    for target in wanted:
        found, failed = _fetch(api, query, target, "application/json")
        missing += failed
        for one in found:
            objects += [_typed(item, target.resource) for item in one["items"]] if "items" in one else [one]
    objects = [output.without_noise(one) for one in objects]
    if query.format.one_by_one or (single and objects):
        screen.out("".join(map(render, objects)), end="")
    elif not missing or objects:
        screen.out(render(output.combined(objects)), end="")
    return 1 if missing else 0


def _fetch(api: Api, query: _Query, target: Target, accept: str) -> tuple[list[Object], int]:
    """The list, or the objects that were named; and how many of these are not there, which is said."""
    if not target.names:
        path = query.path(api, target.resource)
        return [api.call("GET", path, params=query.params, accept=accept)], 0
    found, failed = [], 0
    for name in target.names:
        try:
            found.append(api.call("GET", query.path(api, target.resource, name), accept=accept))
        except errors.NotFound as error:
            failed += 1
            screen.fail(error.message, hint=error.hint)
    return found, failed


def _typed(item: Object, resource: ResourceType) -> Object:
    """A list's items leave their kind out."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item}


def _nothing(api: Api, query: _Query, wanted: list[Target]) -> str:
    kinds = ", ".join(target.resource.plural for target in wanted)
    inside = not query.everywhere and any(target.resource.namespaced for target in wanted)
    return f"No {kinds} found" + (f" in namespace {api.namespace}" if inside else "")


def _watch(api: Api, query: _Query, target: Target) -> int:
    params = dict(query.params)
    path = query.path(api, target.resource)
    if target.names:
        api.call("GET", query.path(api, target.resource, target.names[0]))  # says so if it is not there
        params["fieldSelector"] = f"metadata.name={target.names[0]}"
    render = query.format.render
    if render is None:
        for lines in _table_changes(api, query, target.resource, path, params):
            screen.out("\n".join(lines))
            screen.flush()
        return 0
    for body in _fresh(follow.follow(api, path, params=params)):
        screen.out(render(output.without_noise(_typed(body, target.resource))), end="")
        screen.flush()
    return 0


def _fresh(changes: Iterator[follow.Change]) -> Iterator[Object]:
    """Each object when it is other than it was shown last."""
    shown: dict[str, str] = {}
    for change in changes:
        if change.type == "BOOKMARK":
            continue
        for body in change.object["items"] if change.type == "LISTED" else [change.object]:
            if _is_new(shown, body):
                yield body


def _table_changes(
    api: Api, query: _Query, resource: ResourceType, path: str, params: dict[str, str]
) -> Iterator[list[str]]:
    layout, printer = query.layout(resource), table.Printer()
    shown: dict[str, str] = {}
    titles: Object = {}
    for change in follow.follow(api, path, params=params, accept=TABLE):
        if change.type == "BOOKMARK":
            continue
        new = [row for row in change.object.get("rows") or () if _is_new(shown, row.get("object") or {})]
        lines = table.rows({"rows": new}, layout, columns=titles or change.object)
        if lines and not titles:
            titles = change.object
            lines = [table.header(titles, layout), *lines] if query.headers else lines
        if lines:
            yield printer.lines(lines)


def _is_new(shown: dict[str, str], body: dict[str, Any]) -> bool:
    """Whether this state of the object was not shown yet; it now counts as shown."""
    metadata = body.get("metadata") or {}
    uid, version = metadata.get("uid", ""), metadata.get("resourceVersion", "")
    if uid and shown.get(uid) == version:
        return False
    shown[uid] = version
    return True
