"""`get -w`: what is there, then each change as it comes; `--watch-only` leaves out what is there."""

from collections.abc import Iterator

from kohakuriver.cli import absent, screen
from kohakuriver.cli.api import follow
from kohakuriver.cli.api.http import JSON, TABLE, Api, Object
from kohakuriver.cli.api.targets import Target
from kohakuriver.cli.kubectl import output
from kohakuriver.cli.kubectl.columns import Columns
from kohakuriver.cli.kubectl.query import Query
from kohakuriver.cli.view import table
from kohakuriver.resources import view
from kohakuriver.resources.kinds import ResourceType


def show(api: Api, query: Query, target: Target, *, only_new: bool) -> int:
    """Print what is there and each change of it, until Ctrl-C."""
    params = dict(query.params)
    path = query.path(api, target.resource)
    if target.names:
        inside = api.namespace if target.resource.namespaced else None
        absent.get(api, target.resource, target.names[0], namespace=inside)  # says so if it is not there
        params["fieldSelector"] = f"metadata.name={target.names[0]}"
    accept = TABLE if query.format.render is None and query.columns is None else JSON
    changes = follow.follow(api, path, params=params, accept=accept)
    if only_new:
        changes = (change for change in changes if change.type != "LISTED")
    if accept == TABLE:
        return _print(_tables(changes, query, target.resource))
    if query.columns is not None:
        return _print(_columns(_fresh(changes), query.columns, headers=query.headers))
    render = query.format.render
    for body in _fresh(changes):
        if render is not None:
            screen.out(render(output.without_noise(output.typed(body, target.resource))), end="")
        screen.flush()
    return 0


def _print(blocks: Iterator[list[str]]) -> int:
    for lines in blocks:
        screen.out("\n".join(lines))
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


def _columns(bodies: Iterator[Object], columns: Columns, *, headers: bool) -> Iterator[list[str]]:
    printer = table.Printer(screen.width())
    titles = [columns.titles] if headers else []
    for body in bodies:
        yield printer.lines([*titles, columns.row(body)])
        titles = []


def _tables(changes: Iterator[follow.Change], query: Query, resource: ResourceType) -> Iterator[list[str]]:
    layout, printer = query.layout(resource), table.Printer(screen.width())
    shown: dict[str, str] = {}
    titles: Object = {}
    for change in changes:
        if change.type == "BOOKMARK":
            continue
        new = [row for row in change.object.get("rows") or () if _is_new(shown, row.get("object"))]
        lines = table.rows({"rows": new}, layout, columns=titles or change.object)
        if lines and not titles:
            titles = change.object
            lines = [table.header(titles, layout), *lines] if query.headers else lines
        if lines:
            yield printer.lines(lines)


def _is_new(shown: dict[str, str], body: object) -> bool:
    """Whether this state of the object was not shown yet; it now counts as shown."""
    uid, version = view.Object.of(body).uid, view.Object.of(body).version
    if uid and shown.get(uid) == version:
        return False
    shown[uid] = version
    return True
