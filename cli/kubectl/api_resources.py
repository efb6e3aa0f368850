"""`api-resources`: the kinds that the server serves, as it says itself."""

from typing import Annotated, Any

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.api.http import Api
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.view import table

EXAMPLES = """
kohakuriver api-resources
kohakuriver api-resources -o name
kohakuriver api-resources --no-headers
"""
_TITLES = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]

NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]
Format = Annotated[str | None, typer.Option("--output", "-o", metavar="FORMAT", help="wide or name.")]


def api_resources(settings: Settings, output_format: Format = None, no_headers: NoHeaders = False) -> int:
    """List the kinds that the server knows, with the names that you may type for them."""
    if output_format not in (None, "wide", "name"):
        raise failures.UsageError(f'invalid output format "{output_format}": use wide or name')
    found = discover(settings.api())
    if output_format == "name":
        names = [one["name"] + (f".{one['group']}" if one["group"] else "") for one in found]
        screen.out("\n".join(sorted(names)))
        return 0
    wide = output_format == "wide"
    rows = [_row(one, wide=wide) for one in found]
    titles = [] if no_headers else [[*_TITLES, "VERBS"] if wide else _TITLES]
    screen.out("\n".join(table.Printer(screen.width()).lines([*titles, *rows])))
    return 0


def discover(api: Api) -> list[dict[str, Any]]:
    """The kinds, those of Kubernetes' core first."""
    versions = [f"/api/{version}" for version in api.call("GET", "/api")["versions"]]
    for group in api.call("GET", "/apis")["groups"]:
        versions.append(f"/apis/{group['preferredVersion']['groupVersion']}")
    found = []
    for path in versions:
        answer = api.call("GET", path)
        group = answer["groupVersion"].rpartition("/")[0]
        for one in answer["resources"]:
            if "/" not in one["name"]:
                found.append({**one, "group": group, "apiVersion": answer["groupVersion"]})
    return found


def _row(one: dict[str, Any], *, wide: bool) -> table.Row:
    row = [
        one["name"],
        ",".join(one.get("shortNames") or ()),
        one["apiVersion"],
        "true" if one["namespaced"] else "false",
        one["kind"],
    ]
    return [*row, ",".join(one.get("verbs") or ())] if wide else row
