"""What the verbs that change a Node share: find them, patch them, say what was done."""

from typing import Annotated, Any

import typer

from kohakuriver.cli import screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.http import MERGE_PATCH, Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.node import lookup
from kohakuriver.resources import kinds

Nodes = Annotated[
    list[str] | None, typer.Argument(metavar="NODE...", show_default=False, help="Names of nodes.")
]


def patch(api: Api, node: Object, body: dict[str, Any]) -> Object:
    """Change exactly this Node, not a namesake made since. Raises ApiError."""
    metadata = {**body.get("metadata", {}), "uid": node["metadata"]["uid"]}
    return insist.call(
        api,
        "PATCH",
        api.path(kinds.NODE, name=node["metadata"]["name"]),
        params={"fieldManager": "kohakuriver-node"},
        body={**body, "metadata": metadata},
        content_type=MERGE_PATCH,
    )


def declare(
    settings: Settings, words: list[str] | None, spec: dict[str, Any], *, verb: str, done: str
) -> int:
    """Set fields of spec on each node, and say so."""
    api = settings.api()
    found, good = lookup.present(api, words, verb=verb)
    for node in found:
        changed = patch(api, node, {"spec": spec})
        same = changed["metadata"].get("resourceVersion") == node["metadata"]["resourceVersion"]
        screen.out(f"{title(node)} {'was ' if same else ''}{done}{' already' if same else ''}")
    return 0 if good else 1


def title(node: Object) -> str:
    return targets.title(kinds.NODE, node["metadata"]["name"])
