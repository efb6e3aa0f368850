"""What is given up is set aside first, as a Snapshot, where `keepReplacedFiles` says for how long.

Below recreate.py, which gives nothing up before this says so. The Snapshot is one like any other: this
creates it through the API, and the node takes it in its turn. Its name follows from the VPS and its owner's
word, so that whatever dies in between there is one of them.
"""

import contextlib
import hashlib
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.context import Node
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import run_of
from kohakuriver.agent.roster import Entry
from kohakuriver.agent.runtime.base import Container
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import parse_timestamp
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import kinds
from kohakuriver.resources.snapshot import Cause, Phase, Volumes

LONGEST_NAME: Final = 253


class NotKept(errors.KohakuRiverError):
    """The files were not set aside, so they are not given up."""


class Aside:
    """Those of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def kept(self, entry: Entry, old: Container) -> str:
        """The name of the Snapshot that has what is in this container; empty while it is taken. Raises
        NotKept, and KohakuRiverError where the API is to be asked again."""
        for name in names(entry.desired, old):
            snapshot = await self._made(entry.desired, name)
            if is_of(snapshot, entry.desired, old):
                return self._judged(snapshot)
        raise NotKept(f"Snapshots of the names {', '.join(names(entry.desired, old))} are of something else")

    def _judged(self, snapshot: Object) -> str:
        name, status = str(snapshot["metadata"]["name"]), snapshot.get("status") or {}
        phase, said = status.get("phase"), status.get("message") or "it does not say why"
        if phase in (Phase.FAILED, Phase.LOST):
            raise NotKept(f"they could not be set aside first, as Snapshot {name}: {said}")
        is_there = phase == Phase.READY and not snapshot["metadata"].get("deletionTimestamp")
        return name if is_there else ""

    async def _made(self, desired: Desired, name: str) -> Object:
        """The Snapshot of that name, made now where there is none."""
        known = self._node.snapshots.get(ObjectKey(desired.namespace, name))
        if known is not None:
            return known
        body = {
            "apiVersion": kinds.SNAPSHOT.api_version,
            "kind": kinds.SNAPSHOT.kind,
            "metadata": {"name": name, "namespace": desired.namespace},
            "spec": {
                "vps": {"name": desired.name, "uid": desired.uid},
                "volumes": Volumes.INCLUDE.value,
                "keepFor": desired.keep_replaced,
                "cause": Cause.REPLACED.value,
            },
        }
        try:
            with contextlib.suppress(errors.AlreadyExists):
                made = await self._node.client.create(kinds.SNAPSHOT, body)
                self._node.snapshots.overlay(made)
                return made
            return await self._node.client.get(kinds.SNAPSHOT, name, namespace=desired.namespace)
        except errors.RETRYABLE:
            raise
        except errors.ApiError as error:
            raise NotKept(f"they could not be set aside first: {error.message}") from error


def names(desired: Desired, old: Container) -> tuple[str, str]:
    """What the Snapshot of what is in this container is called; and what else, where that name is taken."""
    run = hashlib.sha256(f"{desired.uid} {old.id} {run_of(old)}".encode()).hexdigest()[:8]
    plain = f"-before-{desired.replace_files}"
    return tuple(f"{desired.name[: LONGEST_NAME - len(end)]}{end}" for end in (plain, f"{plain}-{run}"))  # type: ignore[return-value]


def is_named_after(desired: Desired, name: str) -> bool:
    """Whether a Snapshot of this name may be one of what was given up of this VPS."""
    return name.startswith(f"{desired.name}-before-")


def is_of(snapshot: Object, desired: Desired, old: Container) -> bool:
    """Whether a Snapshot of such a name has, or will have, what is in this container as it ended last."""
    if UNREADABLE in snapshot:
        return False
    spec, taken = snapshot["spec"], (snapshot.get("status") or {}).get("takenAt")
    if spec["vps"].get("uid") != desired.uid or spec.get("cause") != Cause.REPLACED:
        return False
    if not old.finished_at or snapshot["metadata"]["name"] == names(desired, old)[1]:
        return True
    moments = [moment for moment in (snapshot["metadata"].get("creationTimestamp"), taken) if moment]
    try:
        ended = parse_timestamp(old.finished_at).replace(microsecond=0)
        return all(parse_timestamp(moment) >= ended for moment in moments)
    except ValueError:
        return False
