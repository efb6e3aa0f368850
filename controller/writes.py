"""The only writes of the controller. Each names what it was decided from, so that the server can refuse it.

A patch carries the uid and the resourceVersion that the decision read: if anything changed since, the server
answers 409 and the caller looks again. What rests on silence also names the term under which this controller
leads, and is refused once another does (CORRECTNESS 15). Nothing here retries.
"""

from collections.abc import Callable
from typing import Any

from kohakuriver.client.rest import Client
from kohakuriver.resources import conditions
from kohakuriver.resources.kinds import LEASE, NODE, SNAPSHOT, SYSTEM_NAMESPACE, VPS

Object = dict[str, Any]


class Writes:
    """What the controller may do to the world."""

    def __init__(self, client: Client, *, term: Callable[[], str]) -> None:
        self._client = client
        self._term = term

    async def bind(self, vps: Object, node: str) -> Object:
        """Give an unbound VPS to a node."""
        meta = vps["metadata"]
        body = {"uid": meta["uid"], "node": node, "resourceVersion": meta["resourceVersion"]}
        return await self._client.act(VPS, meta["name"], "bind", body, namespace=meta["namespace"])

    async def release(self, vps: Object, *, epoch: int) -> Object:
        """Free the cores and memory of a stopped VPS."""
        return await self._act(vps, "release", epoch)

    async def regrant(self, vps: Object, *, epoch: int) -> Object:
        """Book them again on the same node."""
        return await self._act(vps, "regrant", epoch)

    async def say_unscheduled(self, vps: Object, *, reason: str, message: str) -> Object:
        """Write why nothing fits."""
        condition = unscheduled(reason, message, generation=vps["metadata"].get("generation"))
        return await self._say(vps, {"conditions": [condition]})

    async def mark_unreachable(self, vps: Object, *, since: str, reason: str, message: str) -> Object:
        """The node of this VPS is silent."""
        condition = {
            "type": conditions.NODE_REACHABLE,
            "status": "False",
            "reason": reason,
            "message": message,
        }
        status = {"unreachableSince": since, "conditions": [condition]}
        return await self._say(vps, status, params={"leader": self._term()})

    async def mark_reachable(self, vps: Object, *, message: str) -> Object:
        """Its agent has reported since: the mark is gone, and so is the reason for this condition."""
        condition = {
            "type": conditions.NODE_REACHABLE,
            "status": "True",
            "reason": "Reporting",
            "message": message,
        }
        return await self._say(vps, {"conditions": [condition]})

    async def mark_silent(self, node: Object, *, reason: str, message: str) -> Object:
        """This node's agent is silent, so whether it is ready is unknown."""
        condition = _condition(conditions.READY, "Unknown", reason, message)
        body = {"metadata": _precondition(node), "status": {"conditions": [condition]}}
        return await self._client.patch(
            NODE, node["metadata"]["name"], body, subresource="status", params={"leader": self._term()}
        )

    async def create_snapshot(self, vps: Object, name: str) -> Object:
        """Have the files of this VPS taken, as its plan says."""
        meta, plan = vps["metadata"], vps["spec"]["snapshots"]
        how = {field: plan[field] for field in ("volumes", "pause") if field in plan}
        spec = {"vps": {"name": meta["name"], "uid": meta["uid"]}, "cause": "Schedule", **how}
        body = {
            "apiVersion": SNAPSHOT.api_version,
            "kind": SNAPSHOT.kind,
            "metadata": {"name": name, "namespace": meta["namespace"]},
            "spec": spec,
        }
        return await self._client.create(SNAPSHOT, body)

    async def remove_snapshot(self, namespace: str, name: str, *, uid: str) -> None:
        """Ask for the deletion of this one, and of no namesake."""
        options = {"preconditions": {"uid": uid}}
        await self._client.delete(SNAPSHOT, name, namespace=namespace, options=options)

    async def remove_lease(self, name: str) -> None:
        """Remove the Lease of a controller that is no more."""
        await self._client.delete(LEASE, name, namespace=SYSTEM_NAMESPACE)

    async def _act(self, vps: Object, verb: str, epoch: int) -> Object:
        meta = vps["metadata"]
        body = {"uid": meta["uid"], "epoch": epoch, "resourceVersion": meta["resourceVersion"]}
        return await self._client.act(VPS, meta["name"], verb, body, namespace=meta["namespace"])

    async def _say(self, vps: Object, status: Object, *, params: dict[str, str] | None = None) -> Object:
        meta = vps["metadata"]
        body = {"metadata": _precondition(vps), "status": status}
        return await self._client.patch(
            VPS, meta["name"], body, namespace=meta["namespace"], subresource="status", params=params
        )


def unscheduled(reason: str, message: str, *, generation: int | None) -> Object:
    """The condition that says why a VPS of this spec has no node, or no room on its node."""
    found = _condition(conditions.SCHEDULED, "False", reason, message)
    return found if generation is None else {**found, "observedGeneration": generation}


def _condition(type_: str, status: str, reason: str, message: str) -> Object:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def _precondition(body: Object) -> Object:
    return {"uid": body["metadata"]["uid"], "resourceVersion": body["metadata"]["resourceVersion"]}
