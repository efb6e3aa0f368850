"""`vps snapshots`: the snapshots there are: of which VPS, how large, for how long."""

import datetime
import shlex
from typing import Annotated

import typer

from kohakuriver.cli import absent, failures, lookup, screen
from kohakuriver.cli.api import follow
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output
from kohakuriver.cli.view import snapshots, table
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Snapshot

EXAMPLES = """
kohakuriver vps snapshots
kohakuriver vps snapshots dev
kohakuriver vps snapshots -A -o wide
kohakuriver vps snapshots dev -w
kohakuriver delete snapshot dev-20261201-094500
"""
_DELETE = ("delete", "rm", "remove", "del")

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID...]", show_default=False, help="Only those of these VPSes, deleted ones too."
    ),
]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show each change.")]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT",
        help="More columns: wide. Whole objects: yaml, json, name, jsonpath=…",
    ),
]


def list_snapshots(
    settings: Settings,
    words: Names = None,
    all_namespaces: Everywhere = False,
    watch: Watch = False,
    output_format: Format = None,
    no_headers: NoHeaders = False,
) -> int:
    """List snapshots: of which VPS, how large, for how long it was paused, until when each stays.

    A snapshot stays when its VPS is deleted. `kohakuriver delete snapshot NAME` deletes one.
    """
    asked = output.parse(output_format, formats=output.WIDE) if output_format else output.Output()
    names = [word.removeprefix("vps/") for word in words or ()]
    if len(names) > 1 and names[0] in _DELETE:
        raise failures.UsageError(f"the command is: kohakuriver delete snapshot {shlex.join(names[1:])}")
    whole = asked.render is not None or asked.columns is not None
    if watch and whole:
        raise failures.UsageError(
            f"-w shows a table, and -o {output_format} whole objects",
            hint="both: kohakuriver get snapshots -w -o " + str(output_format),
        )
    if names and all_namespaces:
        raise failures.UsageError("names and -A do not go together", hint="leave one of them out")
    api = settings.api()
    namespace = None if all_namespaces else api.namespace
    list_ = _List(api, namespace, names, wide=asked.wide, headers=not no_headers)
    if watch:
        return list_.watch()
    found = list_.found()
    if whole:
        typed = [output.without_noise(output.typed(one, kinds.SNAPSHOT)) for one in found]
        screen.out(output.whole(typed, asked), end="")
        return 0
    return list_.show(found)


class _List:
    """What is asked for, and how it is shown."""

    def __init__(
        self, api: Api, namespace: str | None, names: list[str], *, wide: bool, headers: bool
    ) -> None:
        self._api, self._namespace, self._names = api, namespace, names
        self._wide, self._headers = wide, headers

    def found(self) -> list[Object]:
        """Those that are meant, the oldest first."""
        items = self._api.call("GET", self._path)["items"]
        return snapshots.newest_first(filter(self._is_meant, items))[::-1]

    def show(self, found: list[Object]) -> int:
        """As a table; 1 where a VPS that was named neither is there nor has left a snapshot."""
        now = SystemClock().now()
        rows = [self._row(one, now) for one in found]
        if rows:
            shown = [self._titles, *rows] if self._headers else rows
            screen.out("\n".join(table.Printer(screen.width()).lines(shown)))
        for one in map(Snapshot.of, found):
            if one.word in ("Failed", "Lost") and one.message and not self._wide:
                screen.warn(f"{one.name}: {one.message}")
        left = {Snapshot.of(one).vps.text("name") for one in found}
        missing = [name for name in self._names if name not in left]
        if missing:
            there, good = lookup.present(self._api, missing, exact=True)
            for vps in there:
                screen.note(_none_of(vps["metadata"]["name"]))
            return 0 if good else 1
        if not rows:
            otherwise = "; take one: kohakuriver vps snapshot ID"
            screen.note(
                absent.none(self._api, [kinds.SNAPSHOT], namespace=self._namespace, otherwise=otherwise)
            )
        return 0

    def watch(self) -> int:
        """Each as it is, then each change, until somebody leaves."""
        printer = table.Printer(screen.width())
        head = [self._titles] if self._headers else []
        for change in follow.follow(self._api, self._path, params={}):
            if change.type == "BOOKMARK":
                continue
            changed = change.object["items"] if change.type == "LISTED" else [change.object]
            now = SystemClock().now()
            rows = [*head, *(self._row(one, now) for one in changed if self._is_meant(one))]
            head = []
            if rows:
                screen.out("\n".join(printer.lines(rows)))
                screen.flush()
        return 0

    @property
    def _path(self) -> str:
        return self._api.path(kinds.SNAPSHOT, namespace=self._namespace)

    @property
    def _titles(self) -> list[str]:
        namespace = ["NAMESPACE"] if self._namespace is None else []
        return [*namespace, *snapshots.TITLES, *(snapshots.WIDE if self._wide else [])]

    def _row(self, one: Object, now: datetime.datetime) -> table.Row:
        return snapshots.row(one, now, wide=self._wide, namespace=self._namespace is None)

    def _is_meant(self, one: Object) -> bool:
        return not self._names or Snapshot.of(one).vps.text("name") in self._names


def _none_of(name: str) -> str:
    return f"no snapshots of vps/{name}; take one: kohakuriver vps snapshot {name}"
