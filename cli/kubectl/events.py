"""`events`: what happened lately, the latest last; `-w` stays and shows what comes."""

import datetime
from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import follow, targets
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output, selection
from kohakuriver.cli.kubectl.selection import Everywhere
from kohakuriver.cli.view import sections, table
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Event

EXAMPLES = """
kohakuriver events
kohakuriver events dev
kohakuriver events --for vps/dev
kohakuriver events -A --types Warning
kohakuriver events --for node/n1 -o yaml
"""
_TITLES = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[VPS | KIND NAME | KIND/NAME]", show_default=False, help="Of this object, as --for has it."
    ),
]
For = Annotated[
    str | None, typer.Option("--for", metavar="KIND/NAME", help="Of this object.", show_default=False)
]
Types = Annotated[
    str | None, typer.Option("--types", metavar="TYPES", help="Normal or Warning.", show_default=False)
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show what comes.")]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]
Format = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FORMAT", help="Whole: yaml, json, name or jsonpath=…")
]


def events(
    settings: Settings,
    words: Words = None,
    about: For = None,
    types: Types = None,
    all_namespaces: Everywhere = False,
    watch: Watch = False,
    output_format: Format = None,
    no_headers: NoHeaders = False,
) -> int:
    """Show what happened to objects within the last hour, the latest last."""
    asked = output.parse(output_format, formats=output.LISTS) if output_format else output.Output()
    about = _meant(words or [], about)
    api = settings.api()
    params = {"fieldSelector": text} if (text := _selector(about, types)) else {}
    everywhere = all_namespaces or _is_of_cluster(about)
    path = selection.collection(api, kinds.EVENT, everywhere=everywhere)
    printer = table.Printer(screen.width())
    if watch:
        return _watch(api, path, params, printer, headers=not no_headers, with_namespace=all_namespaces)
    found: list[Object] = sorted(api.call("GET", path, params=params)["items"], key=sections.when)
    if output_format is not None:
        typed = [output.without_noise(output.typed(one, kinds.EVENT)) for one in found]
        screen.out(output.whole(typed, asked), end="")
        return 0
    if not found:
        of = f" of {about}" if about else ""
        screen.note(f"no events{of}" + ("" if everywhere else f" in namespace {api.namespace}"))
        return 0
    rows = [row(one, SystemClock().now(), with_namespace=all_namespaces) for one in found]
    titles = [] if no_headers else [_titles(all_namespaces)]
    screen.out("\n".join(printer.lines([*titles, *rows])))
    return 0


def row(event: Object, now: datetime.datetime, *, with_namespace: bool = False) -> table.Row:
    """One event, of an object that may be of a kind we do not know. Pure."""
    found = Event.of(event)
    kind, name = found.about.text("kind"), found.about.text("name")
    resource = kinds.by_kind(found.about.text("apiVersion") or kinds.API_VERSION, kind)
    cells = [
        sections.event_age(event, now),
        found.type,
        found.reason,
        targets.title(resource, name) if resource else f"{kind.lower()}/{name}",
        " ".join(found.message.split()),
    ]
    return [found.namespace, *cells] if with_namespace else cells


def _watch(
    api: Api,
    path: str,
    params: dict[str, str],
    printer: table.Printer,
    *,
    headers: bool,
    with_namespace: bool,
) -> int:
    titles = [_titles(with_namespace)] if headers else []
    for change in follow.follow(api, path, params=params):
        if change.type in ("BOOKMARK", "DELETED"):
            continue
        found = change.object["items"] if change.type == "LISTED" else [change.object]
        now = SystemClock().now()
        rows = [row(one, now, with_namespace=with_namespace) for one in sorted(found, key=sections.when)]
        if rows:
            screen.out("\n".join(printer.lines([*titles, *rows])))
            screen.flush()
            titles = []
    return 0


def _titles(with_namespace: bool) -> table.Row:
    return ["NAMESPACE", *_TITLES] if with_namespace else _TITLES


def _selector(about: str | None, types: str | None) -> str:
    parts = []
    if about is not None:
        (target,) = targets.named([about])
        parts = [f"involvedObject.kind={target.resource.kind}", f"involvedObject.name={target.names[0]}"]
    if types is not None:
        word = {"normal": "Normal", "warning": "Warning"}.get(types.lower())
        if word is None:
            raise failures.UsageError(f'invalid type of event "{types}": use Normal or Warning')
        parts.append(f"type={word}")
    return ",".join(parts)


def _meant(words: list[str], about: str | None) -> str | None:
    """KIND/NAME of what was named: a word of its own is a VPS. Raises UsageError."""
    if not words:
        return about
    if about is not None:
        raise failures.UsageError("a name and --for do not go together", hint="leave one of them out")
    if len(words) == 1:
        return words[0] if "/" in words[0] else targets.title(kinds.VPS, words[0])
    (target,) = targets.named(words)
    if len(target.names) > 1:
        raise failures.UsageError(
            "events of one object are shown at a time",
            hint="leave the others out; without a name, all are shown",
        )
    return targets.title(target.resource, target.names[0])


def _is_of_cluster(about: str | None) -> bool:
    """Events of what lies in no namespace lie in the default one, whichever is meant."""
    return about is not None and not targets.named([about])[0].resource.namespaced
