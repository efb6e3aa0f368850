"""`get`: objects as tables made by the server, or whole; `-w` stays and shows each change (`changes.py`)."""

from typing import TYPE_CHECKING, Annotated

from kohakuriver import errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api import targets
from kohakuriver.cli.api.http import JSON, TABLE, Api, Object
from kohakuriver.cli.api.targets import Target
from kohakuriver.cli.framework.declared import Argument, Option
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output
from kohakuriver.cli.kubectl.query import Query
from kohakuriver.cli.view import table

if TYPE_CHECKING:
    from kohakuriver.cli.kubectl.columns import Columns
    from kohakuriver.cli.kubectl.jsonpath import Template

EXAMPLES = """
kohakuriver get vps
kohakuriver get vps dev -o yaml
kohakuriver get vps -w
kohakuriver get vps,nodes -A -o wide
kohakuriver get vps/dev -o jsonpath='{.status.phase}'
kohakuriver get vps -o custom-columns=NAME:.metadata.name,NODE:.status.assignment.node
kohakuriver get vps --sort-by .spec.resources.memory
"""

Words = Annotated[list[str] | None, Argument(metavar="KIND [NAME]... | KIND/NAME...", show_default=False)]
Format = Annotated[str, Option("--output", "-o", metavar="FORMAT", help=f"One of {output.FORMATS}.")]
Watch = Annotated[bool, Option("--watch", "-w", help="Stay, and show each change.")]
WatchOnly = Annotated[bool, Option("--watch-only", help="Stay, and show only what changes from now on.")]
Selector = Annotated[
    str | None,
    Option("--selector", "-l", metavar="LABELS", help="Only those with these labels: a=b,c!=d."),
]
FieldSelector = Annotated[
    str | None,
    Option("--field-selector", metavar="FIELDS", help="Only those with these fields: status.phase=lost."),
]
SortBy = Annotated[
    str | None, Option("--sort-by", metavar="PATH", help="In the order of this field: .metadata.name.")
]
Everywhere = Annotated[bool, Option("--all-namespaces", "-A", help="In every namespace.")]
NoHeaders = Annotated[bool, Option("--no-headers", help="Leave the line of titles out.")]


def get(
    settings: Settings,
    words: Words = None,
    output_format: Format = "table",
    watch: Watch = False,
    watch_only: WatchOnly = False,
    selector: Selector = None,
    field_selector: FieldSelector = None,
    sort_by: SortBy = None,
    all_namespaces: Everywhere = False,
    no_headers: NoHeaders = False,
) -> int:
    """List objects of a kind, or show some by name."""
    wanted = targets.parse(words or [])
    query = Query(
        format=output.parse(output_format),
        selector=selector or "",
        field_selector=field_selector or "",
        order=_order(sort_by) if sort_by else None,
        everywhere=all_namespaces,
        headers=not no_headers,
        several_kinds=len(wanted) > 1,
    )
    _check(query, wanted, watch or watch_only)
    api = settings.api()
    if watch or watch_only:
        from kohakuriver.cli.kubectl import changes

        return changes.show(api, query, wanted[0], only_new=watch_only)
    if query.columns is not None:
        return _columns(api, query, wanted, query.columns)
    return _objects(api, query, wanted) if query.format.render else _tables(api, query, wanted)


def _order(path: str) -> "Template":
    from kohakuriver.cli.kubectl import columns

    return columns.compile_path(path, option="--sort-by")


def _sorted(objects: list[Object], order: "Template", *, inside: str = "") -> list[Object]:
    from kohakuriver.cli.kubectl import columns

    return columns.sort(objects, order, of=(lambda one: one[inside]) if inside else (lambda one: one))


def _check(query: Query, wanted: list[Target], watch: bool) -> None:
    """Raises UsageError for what does not go together."""
    names = any(target.names for target in wanted)
    if names and (query.selector or query.field_selector):
        option = "-l" if query.selector else "--field-selector"
        raise failures.UsageError(f"names and {option} do not go together", hint="leave one of them out")
    if watch and query.order:
        raise failures.UsageError("--sort-by orders a list, not what comes", hint="leave it or -w out")
    if names and query.everywhere and any(target.resource.namespaced for target in wanted):
        raise failures.UsageError("a name and -A do not go together", hint="say where it is: -n NAMESPACE")
    if watch and (len(wanted) > 1 or len(wanted[0].names) > 1):
        raise failures.UsageError("-w watches one kind, or one object", hint="leave the others out")


def _tables(api: Api, query: Query, wanted: list[Target]) -> int:
    missing, shown = 0, 0
    for target in wanted:
        found, failed = _fetch(api, query, target, TABLE)
        missing += failed
        if query.order is not None:
            for one in found:
                one["rows"] = _sorted(one.get("rows") or [], query.order, inside="object")
        rows = [row for one in found for row in table.rows(one, query.layout(target.resource))]
        if not rows:
            continue
        lines = [table.header(found[0], query.layout(target.resource)), *rows]
        text = table.Printer(screen.width()).lines(lines if query.headers else rows)
        screen.out(("\n" if shown and query.headers else "") + "\n".join(text))
        shown += len(rows)
    if not shown and not missing:
        screen.note(_nothing(api, query, wanted))
    return 1 if missing else 0


def _objects(api: Api, query: Query, wanted: list[Target]) -> int:
    render = query.format.render
    assert render is not None  # noqa: S101 - tables go elsewhere
    single = len(wanted) == 1 and len(wanted[0].names) == 1
    objects, missing = _whole(api, query, wanted)
    objects = [output.without_noise(one) for one in objects]
    if query.format.one_by_one or (single and objects):
        screen.out("".join(map(render, objects)), end="")
    elif not missing or objects:
        screen.out(render(output.combined(objects)), end="")
    return 1 if missing else 0


def _columns(api: Api, query: Query, wanted: list[Target], shown: "Columns") -> int:
    objects, missing = _whole(api, query, wanted)
    titles = [shown.titles] if query.headers else []
    if titles or objects:
        screen.out("\n".join(table.Printer(screen.width()).lines([*titles, *map(shown.row, objects)])))
    return 1 if missing else 0


def _whole(api: Api, query: Query, wanted: list[Target]) -> tuple[list[Object], int]:
    """The objects, each with its kind, in order; and how many are not there."""
    objects: list[Object] = []
    missing = 0
    for target in wanted:
        found, failed = _fetch(api, query, target, JSON)
        missing += failed
        for one in found:
            inner = one.get("items", [one])
            objects += [output.typed(item, target.resource) for item in inner]
    return _sorted(objects, query.order) if query.order else objects, missing


def _fetch(api: Api, query: Query, target: Target, accept: str) -> tuple[list[Object], int]:
    """The list, or the objects that were named; and how many of these are not there, which is said."""
    if not target.names:
        path = query.path(api, target.resource)
        params = query.table_params if accept == TABLE else query.params
        return [api.call("GET", path, params=params, accept=accept)], 0
    found, failed = [], 0
    inside = api.namespace if target.resource.namespaced else None
    for name in target.names:
        try:
            found.append(absent.get(api, target.resource, name, namespace=inside, accept=accept))
        except errors.NotFound as error:
            failed += 1
            screen.fail(error.message, hint=error.hint)
    return found, failed


def _nothing(api: Api, query: Query, wanted: list[Target]) -> str:
    inside = not query.everywhere and any(target.resource.namespaced for target in wanted)
    kinds = [target.resource for target in wanted]
    return absent.none(api, kinds, namespace=api.namespace if inside else None)
