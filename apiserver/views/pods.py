"""A VPS as a Pod: what kubectl, k9s, Headlamp and VS Code look for before they get into one. Pure.

A stopped VPS is no Pod: clients would take one that has ended for good. Of the environment only the names are
shown. The uid is another for each placement, as a Pod that is made anew on another node has another.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.objects.selectors import Operator, Requirement, Selection
from kohakuriver.apiserver.streaming import reach
from kohakuriver.apiserver.views.fields import (
    cores,
    items,
    memory,
    number,
    part,
    text,
    told_by_clients,
    without_blanks,
)
from kohakuriver.errors import ApiError, NotFound
from kohakuriver.resources import kinds
from kohakuriver.resources.vps import Phase

Json = dict[str, Any]

CONTAINER = "vps"  # every Pod's one container
_PENDING, _RUNNING, _LOST = "Pending", "Running", "Unknown"
_PHASES: Mapping[str, str] = {
    Phase.PENDING: _PENDING,
    Phase.ASSIGNING: _PENDING,
    Phase.RUNNING: _RUNNING,
    Phase.PAUSED: _RUNNING,
    Phase.LOST: _LOST,
}
_READY: Mapping[str, str] = {Phase.RUNNING: "True", Phase.LOST: "Unknown"}
_PHASE = "status.phase"
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def form(vps: Json) -> Json:
    """The Pod that shows this VPS."""
    meta, status = vps["metadata"], objects.status_of(vps)
    phase = _PHASES.get(text(status, "phase"), _PENDING)
    bound, observed = part(status, "assignment"), _observed(status)
    return {
        "kind": kinds.POD.kind,
        "apiVersion": kinds.POD.api_version,
        "metadata": _metadata(meta, status),
        "spec": _spec(part(vps, "spec"), bound, name=meta["name"]),
        "status": without_blanks(
            phase=phase,
            reason=text(status, "reason"),
            message=text(status, "message"),
            qosClass="Guaranteed",
            startTime=text(bound, "boundAt"),
            **_addresses(status, observed),
            conditions=_conditions(status, bound, observed),
            containerStatuses=[_container_status(vps, status, observed)] if bound else [],
        ),
    }


def selection(asked: Selection) -> Selection:
    """The VPSes that these Pods show: never a stopped one."""
    fields = [found for one in asked.fields if (found := _of_vps(one)) is not None]
    there = Requirement(_PHASE, Operator.NOT_IN, frozenset({Phase.STOPPED.value}))
    return Selection(asked.labels, (*fields, there))


def absent(vps: Json) -> NotFound | None:
    """Why a VPS is no Pod, in the words that its streams are refused with; None where it is one."""
    if text(objects.status_of(vps), "phase") != Phase.STOPPED:
        return None
    missing = objects.not_found(kinds.POD, vps["metadata"]["name"])
    try:
        reach.target(vps, "exec")
    except ApiError as why:
        return NotFound(f"{missing.message}: {why.in_one_message}", details=missing.details)
    return missing


def uid(vps_uid: str, epoch: int) -> str:
    """The uid of the Pod that shows this placement of a VPS."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{vps_uid}/{epoch}"))


def _of_vps(one: Requirement) -> Requirement | None:
    """A requirement in the VPSes' phases; None for one that always holds."""
    if one.key != _PHASE:
        return one
    phases = frozenset(phase for phase, shown in _PHASES.items() if shown in one.values)
    if one.operator is Operator.NOT_IN and not phases:
        return None
    return Requirement(_PHASE, one.operator, phases)


def _observed(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was seen of the present placement; what was seen of an earlier one says nothing about it."""
    observed, bound = part(status, "observed"), part(status, "assignment")
    return observed if observed.get("epoch") == bound.get("epoch") else {}


def _epoch(status: Mapping[str, Any]) -> int:
    """Of the placement there is, or of the one that is waited for, so that being placed changes no uid."""
    bound = part(status, "assignment")
    return number(bound, "epoch") if bound else number(status, "epoch") + 1


def _metadata(meta: Json, status: Mapping[str, Any]) -> Json:
    name, vps_uid = meta["name"], text(meta, "uid")
    owner = {
        "apiVersion": kinds.VPS.api_version,
        "kind": kinds.VPS.kind,
        "name": name,
        "uid": vps_uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return without_blanks(
        **told_by_clients(meta, {_DEFAULT_CONTAINER: CONTAINER}),
        name=name,
        namespace=text(meta, "namespace"),
        uid=uid(vps_uid, _epoch(status)),
        ownerReferences=[owner],
    )


def _spec(spec: Mapping[str, Any], bound: Mapping[str, Any], *, name: str) -> Json:
    amounts = without_blanks(
        cpu=cores(part(spec, "resources").get("cores")),
        memory=memory(part(spec, "resources").get("memory")),
    )
    gpus = len(items(part(bound, "grant"), "gpus"))
    if gpus:
        amounts["nvidia.com/gpu"] = str(gpus)
    container = without_blanks(
        name=CONTAINER,
        image=_image(spec),
        command=items(spec, "command"),
        env=[{"name": variable} for variable in sorted(part(spec, "env"))],
        imagePullPolicy=text(spec, "imagePullPolicy"),
        resources={"limits": amounts, "requests": amounts} if amounts else {},
        stdin=True,
        tty=True,
    )
    shown = without_blanks(
        containers=[container],
        nodeName=text(bound, "node"),
        nodeSelector=dict(part(spec, "placement", "nodeSelector")),
        restartPolicy=text(spec, "restartPolicy"),
        priority=number(spec, "priority"),
        hostname=name,
    )
    # Kubernetes always has one, and its clients look into it without asking whether it is there.
    return {**shown, "securityContext": {}}


def _image(spec: Mapping[str, Any]) -> str:
    environment = text(spec, "environment")
    return f"environment/{environment}" if environment else text(spec, "image")


def _conditions(
    status: Mapping[str, Any], bound: Mapping[str, Any], observed: Mapping[str, Any]
) -> list[Json]:
    phase, reason, message = (text(status, field) for field in ("phase", "reason", "message"))
    started = text(part(observed, "container"), "startedAt")
    if not bound:
        return [_condition("PodScheduled", "False", "", "Unschedulable", message)]
    ready = _READY.get(phase, "False")
    why = "" if ready == "True" else "Paused" if phase == Phase.PAUSED else reason
    said = "" if ready == "True" else message
    return [
        _condition("PodScheduled", "True", text(bound, "boundAt")),
        _condition("Initialized", "True", text(bound, "boundAt")),
        _condition("ContainersReady", ready, started, why, said),
        _condition("Ready", ready, started, why, said),
    ]


def _condition(type_: str, status: str, since: str, reason: str = "", message: str = "") -> Json:
    return without_blanks(type=type_, status=status, lastTransitionTime=since, reason=reason, message=message)


def _addresses(status: Mapping[str, Any], observed: Mapping[str, Any]) -> Json:
    """Its address on its node's network, where its agent has told it. That of its node nobody tells."""
    address = text(part(observed, "container"), "ip")
    if not address or text(status, "phase") not in (Phase.RUNNING, Phase.PAUSED):
        return {}
    return {"podIP": address, "podIPs": [{"ip": address}]}


def _container_status(vps: Json, status: Mapping[str, Any], observed: Mapping[str, Any]) -> Json:
    container = part(observed, "container")
    runs = text(status, "phase") in (Phase.RUNNING, Phase.PAUSED)
    id_ = text(container, "id")
    ready = text(status, "phase") == Phase.RUNNING
    return {
        "name": CONTAINER,
        "ready": ready,
        "started": runs,
        "restartCount": number(container, "restarts"),
        "image": text(container, "image") or _image(part(vps, "spec")),
        "imageID": text(container, "image"),
        "state": _state(status, container, runs=runs),
        "lastState": _last_state(container),
        **({"containerID": f"docker://{id_}"} if id_ else {}),
    }


def _state(status: Mapping[str, Any], container: Mapping[str, Any], *, runs: bool) -> Json:
    started = text(container, "startedAt")
    if runs:
        return {"running": without_blanks(startedAt=started)}
    return {"waiting": without_blanks(reason=text(status, "reason"), message=text(status, "message"))}


def _last_state(container: Mapping[str, Any]) -> Json:
    ended, code = text(container, "finishedAt"), container.get("exitCode")
    if not ended or not isinstance(code, int):
        return {}
    reason = "OOMKilled" if container.get("oomKilled") else "Completed" if code == 0 else "Error"
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": ended}}
