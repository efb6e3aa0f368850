"""What the tests of snapshots on the command line share: Snapshots as the server has them, and their node."""

import asyncio
import re
from typing import Any

from kohakuriver.resources import kinds
from tests.cli.shell import Shell

Json = dict[str, Any]
DIGEST = "sha256:" + "a" * 64


def a_snapshot(
    name: str = "dev-20260101-120000",
    *,
    vps: str = "dev",
    uid: str = "",
    node: str = "n1",
    phase: str = "Ready",
    cause: str = "Manual",
    keep_for: str | None = None,
    taken: str = "2026-01-01T12:00:00Z",
    volumes: tuple[str, ...] = (),
    **status: Any,
) -> Json:
    """One of `dev`, ready, unless the test says otherwise."""
    spec: Json = {"vps": {"name": vps, "uid": uid or f"uid-of-{vps}", "node": node}}
    spec |= {"volumes": "Include", "pause": True, "cause": cause}
    if keep_for is not None:
        spec["keepFor"] = keep_for
    said: Json = {"phase": phase, **status} if phase else dict(status)
    if phase == "Ready":
        said = {"size": 240 << 20, "pausedMilliseconds": 812, "takenAt": taken, **said}
        said["volumes"] = [
            {"name": one, "target": f"/{one}", "size": 1 << 20, "digest": DIGEST} for one in volumes
        ]
    return {
        "apiVersion": kinds.SNAPSHOT.api_version,
        "kind": "Snapshot",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-of-{name}",
            "generation": 1,
            "creationTimestamp": taken,
        },
        "spec": spec,
        "status": said,
    }


async def made(shell: Shell, pattern: str = ".*", *, resource: kinds.ResourceType = kinds.SNAPSHOT) -> Json:
    """The first object whose name is like this, once it is there."""
    async with asyncio.timeout(20):
        while True:
            items = (await shell.api.get(resource.path(namespace="default"))).body["items"]
            found = [one for one in items if re.fullmatch(pattern, one["metadata"]["name"])]
            if found:
                return dict(found[0])
            await asyncio.sleep(0.01)


async def declared(shell: Shell, field: str, value: Any = None) -> Json:
    """The VPS dev, once its spec has this field, and of this value if one is given."""
    async with asyncio.timeout(20):
        while True:
            vps = await shell.get(kinds.VPS, "dev")
            found = vps["spec"].get(field)
            if found is not None and value in (None, found):
                return vps
            await asyncio.sleep(0.01)


async def says(shell: Shell, resource: kinds.ResourceType, body: Json, **status: Any) -> None:
    """What the agent of n1 reports of an object."""
    metadata = body["metadata"]
    reply = await shell.api.call(
        "PATCH",
        resource.path(namespace="default", name=metadata["name"], subresource="status"),
        {"metadata": {"uid": metadata["uid"]}, "status": status},
        headers={"Content-Type": "application/merge-patch+json"},
        user="n1",
    )
    assert reply.code == 200, reply.body


async def is_ready(shell: Shell, snapshot: Json, **more: Any) -> None:
    """Its node has taken it."""
    status: Json = {"size": 240 << 20, "pausedMilliseconds": 812, "takenAt": "2026-01-01T12:00:00Z"}
    status |= {"message": None, **more}
    await says(
        shell, kinds.SNAPSHOT, snapshot, phase="Ready", image="kohakuriver/snapshot-x:latest", **status
    )
