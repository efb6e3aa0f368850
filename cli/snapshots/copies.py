"""The manifest of a VPS that is made after another one: its spec without what is that one's own. Pure."""

import copy
import itertools
from collections.abc import Collection
from typing import Any

from kohakuriver.cli.api.http import Object
from kohakuriver.cli.vps import manifest as manifests
from kohakuriver.resources.view import VPS

_OWN = ("runState", "restartRequest", "replaceFiles", "keepReplacedFiles", "filesFrom")


def names(of: str, taken: Collection[str], number: int) -> tuple[str, ...]:
    """`dev-1`, `dev-2`: so many that are free."""
    free = (name for at in itertools.count(1) if (name := f"{of}-{at}") not in taken)
    return tuple(itertools.islice(free, number))


def manifest(vps: Object, name: str, snapshot: str) -> Object:
    """A VPS of this name that begins from the Snapshot, on the node that has it."""
    found = VPS.of(vps)
    spec: dict[str, Any] = {
        field: copy.deepcopy(value) for field, value in found.spec.raw.items() if field not in _OWN
    }
    spec |= {"runState": "Running", "filesFrom": {"snapshot": snapshot}}
    if placement := _placement(spec.pop("placement", None) or {}):
        spec["placement"] = placement
    hooks = (spec.pop("snapshots", None) or {}).get("hooks")
    if hooks:  # they belong to the programs in its files; when snapshots are taken does not
        spec["snapshots"] = {"hooks": hooks}
    body = manifests.manifest(name, found.namespace, spec)
    if found.labels:
        body["metadata"]["labels"] = dict(found.labels)
    return body


def _placement(placement: dict[str, Any]) -> dict[str, Any]:
    """Any GPUs in place of those that the first one holds; the node is where its files are."""
    left = {field: value for field, value in placement.items() if field != "node"}
    gpus = left.get("gpus")
    if isinstance(gpus, dict) and gpus.get("ids"):
        left["gpus"] = {"count": len(gpus["ids"])}
    return left
