"""A node as Kubernetes' own Node, and what a patch of that means: `kubectl cordon` and `uncordon`. Pure.

What a node tells of everybody's VPSes, its images and volumes, is not shown to anybody here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.views.fields import (
    cores,
    items,
    memory,
    part,
    text,
    told_by_clients,
    without_blanks,
)
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Node

Json = dict[str, Any]

STANDING: Final = "kohakuriver.io/standing"  # an annotation: how it stands, in the words of our tables
_UNSCHEDULABLE: Final = "/spec/unschedulable"
_WRITABLE: Final = (_UNSCHEDULABLE, "/metadata/labels", "/metadata/annotations")
_PRECONDITIONS: Final = ("/metadata/name", "/metadata/uid", "/metadata/resourceVersion")
_NAMES: Final = ("/kind", "/apiVersion")


def form(node: Json) -> Json:
    """The Kubernetes Node that shows this one."""
    meta, spec, status = node["metadata"], part(node, "spec"), objects.status_of(node)
    hostname = text(part(status, "nodeInfo"), "hostname") or meta["name"]
    return {
        "kind": kinds.CORE_NODE.kind,
        "apiVersion": kinds.CORE_NODE.api_version,
        "metadata": without_blanks(
            **told_by_clients(meta, {STANDING: Node.of(node).word}),
            name=meta["name"],
            uid=text(meta, "uid"),
        ),
        "spec": without_blanks(
            # A drain keeps new VPSes off too; only what is true is shown, as Kubernetes does it.
            unschedulable=bool(spec.get("unschedulable") or spec.get("drain")) or None,
            taints=[dict(taint) for taint in items(spec, "taints") if isinstance(taint, Mapping)],
        ),
        "status": without_blanks(
            capacity=_amounts(status, "capacity"),
            allocatable=_amounts(status, "allocatable"),
            conditions=[_condition(one) for one in objects.conditions_of(status)],
            addresses=[{"type": "Hostname", "address": hostname}],
            nodeInfo=_system(meta, part(status, "nodeInfo")),
        ),
    }


def meant(patch: Any) -> Any:
    """The patch of our Node that a patch of the shown one means. Raises Forbidden for all but what may be
    written there."""
    for pointer in _named(patch):
        if not any(pointer == one or pointer.startswith(f"{one}/") for one in (*_WRITABLE, *_PRECONDITIONS)):
            raise errors.Forbidden(
                f"{pointer} of a core Node cannot be written, only its spec.unschedulable and labels: "
                "change nodes.kohakuriver.io, as in kubectl edit nodes.kohakuriver.io NAME",
            )
    if isinstance(patch, list):
        return [*patch, *({"op": "add", "path": "/spec/drain", "value": False} for _ in _uncordons(patch))]
    kept = {name: value for name, value in patch.items() if f"/{name}" not in _NAMES}
    if "spec" in kept and not kept["spec"].get("unschedulable"):
        return {**kept, "spec": {**kept["spec"], "drain": None}}
    return kept


def _named(patch: Any) -> Iterator[str]:
    """The fields that a patch of any type speaks of, as far down as it matters here."""
    if isinstance(patch, list):
        for step in patch:
            if not isinstance(step, dict) or not isinstance(step.get("path"), str):
                raise errors.BadRequest("a JSON patch is a list of operations, each with its path")
            yield from (str(step[word]) for word in ("path", "from") if word in step)
        return
    if not isinstance(patch, dict):
        raise errors.BadRequest('a merge patch is a JSON object, such as {"spec": {"unschedulable": true}}')
    for name, inner in patch.items():
        if f"/{name}" in _NAMES:
            continue
        if not isinstance(inner, dict) or not inner:
            yield f"/{name}"
            continue
        yield from (f"/{name}/{field}" for field in inner)


def _uncordons(steps: list[Json]) -> list[Json]:
    """The last step of a JSON patch that takes a cordon back, if one does."""
    told = [step for step in steps if step.get("path") == _UNSCHEDULABLE and step.get("op") != "test"]
    return told[-1:] if told and (told[-1].get("op") == "remove" or not told[-1].get("value")) else []


def _amounts(status: Mapping[str, Any], field: str) -> Json:
    found = part(status, field)
    gpus = items(status, "gpus")
    healthy = [gpu for gpu in gpus if isinstance(gpu, Mapping) and gpu.get("healthy") is not False]
    count = len(gpus if field == "capacity" else healthy)
    return without_blanks(cpu=cores(found.get("cores")), memory=memory(found.get("memory"))) | (
        {"nvidia.com/gpu": str(count)} if found and count else {}
    )


def _condition(condition: Json) -> Json:
    return without_blanks(
        **{field: text(condition, field) for field in ("type", "reason", "message", "lastTransitionTime")},
        status=condition["status"],
    )


def _system(meta: Json, info: Mapping[str, Any]) -> Json:
    return {
        "architecture": text(info, "architecture"),
        "bootID": text(info, "bootId"),
        "containerRuntimeVersion": text(info, "runtimeVersion"),
        "kernelVersion": text(info, "kernelVersion"),
        "kubeProxyVersion": "",
        "kubeletVersion": text(info, "agentVersion"),
        "machineID": text(meta, "uid"),
        "operatingSystem": "linux",
        "osImage": text(info, "operatingSystem"),
        "systemUUID": text(meta, "uid"),
    }
