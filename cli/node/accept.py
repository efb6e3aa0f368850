"""`node accept`: a person has looked at a node after the store was restored, and ends its quarantine."""

import time
from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import follow
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.node import change, lookup
from kohakuriver.cli.node.change import Nodes
from kohakuriver.resources import conditions, kinds
from kohakuriver.resources.view import Node

EXAMPLES = """
kohakuriver node accept n1
kohakuriver node accept --all
"""

All = Annotated[bool, typer.Option("--all", help="Every node there is.")]
PATIENCE, PAUSE = 10.0, 0.3  # seconds for the nodes to speak, and between two looks


def accept(settings: Settings, nodes: Nodes = None, everything: All = False) -> int:
    """Carry out on nodes what is declared again, after the cluster's store was restored from a backup.

    Look first: `node status` names the containers that no VPS accounts for; they stay as they are.
    """
    api = settings.api()
    if everything and nodes:
        raise failures.UsageError("name nodes, or write --all", hint="kohakuriver node accept --all")
    every = api.call("GET", api.path(kinds.NODE))["items"]
    patience = follow.Deadline(min(api.timeout, PATIENCE))
    found, good = (every, True) if everything else lookup.present(api, nodes, verb="accept")
    for node in found:
        _accept(api, _heard(api, node, patience))
    return 0 if good else 1


def _accept(api: Api, node: Object) -> None:
    """By the id of this very quarantine; of a node that has not spoken since, by the history of the store."""
    quarantine = Node.of(node).quarantine
    heard = _has_spoken(api, node)
    token = quarantine.text("id") if quarantine and heard else api.history
    if heard and not quarantine:
        screen.out(f"{change.title(node)} is not in quarantine")
        return
    change.patch(api, node, {"spec": {"accepts": token}})
    screen.out(f"{change.title(node)} accepted" + ("" if heard else ", though it has not been heard since"))


def _heard(api: Api, node: Object, patience: follow.Deadline) -> Object:
    """The Node once it has said what it found; as it is where nothing will come, or not in time.

    Seconds pass between a restore and the reports of nodes that live: one wait for all of them.
    """
    while not _has_spoken(api, node) and _may_speak(node) and not patience.passed:
        time.sleep(patience.left(PAUSE))
        node = api.call("GET", api.path(kinds.NODE, name=node["metadata"]["name"]))
    return node


def _has_spoken(api: Api, node: Object) -> bool:
    return Node.of(node).status.raw.get("history") == api.history


def _may_speak(node: Object) -> bool:
    found = Node.of(node)
    return found.is_ready and not found.condition(conditions.RUNTIME_READY).is_false
