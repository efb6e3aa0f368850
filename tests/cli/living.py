"""A small cluster in the test's own loop for whole command lines: they create, wait, stop, drain, delete.

The API server and the controller are the real ones; the nodes are simulated, and do at once what is declared.
Time is real, as the commands run in threads of their own. One cluster serves many command lines, one after
another: `put_back` makes it again what it was at first.
"""

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from kohakuriver import certificates, errors
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import MAX_OPERATIONS, Delete, Put, Store
from kohakuriver.client.config import Connection
from kohakuriver.clock import SystemClock, timestamp
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import VPS
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.pages.kit import a_page
from tests.fakes.store import MemoryStore
from tests.system.simulated import RunningController, SimulatedNode, eventually

Object = dict[str, Any]
NODES = ("n1", "n2", "nodea", "nodec")
_AGAIN = 0.05  # seconds until a node tries again what was refused
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFtzvmh+T8b/VrN5lJgMqJdjjrEINQtOJ8yhjVJxJ0vT me@here"
MANIFEST = """\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata:
  name: {name}
  labels: {{team: red, app: lab}}
spec:
  resources: {{cores: 1, memory: 1Gi}}
  ssh: {{disabled: true}}
"""


class LivingNode(SimulatedNode):
    """Reports whenever something was written that it looks at: what it has of the store too. Finishes what is
    deleted, carries restarts out."""

    _lease_seconds = 3600  # they are never silent
    _history = ""

    def __init__(self, api: Api, name: str) -> None:
        super().__init__(api, name, memory="64Gi", gpus=2)
        self._store = api.store
        own = (codec.key(kind, None, name) for kind in (kinds.NODE, kinds.NODE_ALLOCATION))
        read = (codec.prefix(kind) for kind in (VPS, kinds.ENVIRONMENT, kinds.SNAPSHOT))
        self._looks_at = (*read, codec.HISTORY, *own)

    async def _run(self) -> None:
        seen = await self._store.revision()
        await self._look()
        async for batch in self._store.watch(codec.REGISTRY, start=seen + 1):
            if any(one.revision > seen and one.key.startswith(self._looks_at) for one in batch.changes):
                seen = await self._store.revision()
                await self._look()

    async def _look(self) -> None:
        while True:
            await self._speaks.wait()
            try:
                await self._report_all()
                return
            except errors.NotFound:
                return  # it is forgotten; who brings it back writes
            except errors.KohakuRiverError:
                await asyncio.sleep(_AGAIN)

    async def fall_silent(self) -> None:
        """Nothing comes from it any more, and what it said last is that it is not ready."""
        self.mute()
        status = {"conditions": [{"type": "Ready", "status": "False", "reason": "Ending", "message": ""}]}
        await self._client.patch(kinds.NODE, self.name, {"status": status}, subresource="status")

    async def be_heard(self) -> None:
        """It is not silent, and has just said so."""
        self.unmute()
        await self._renew()

    async def _report_all(self) -> None:
        await super()._report_all()
        history = (await self._client.list(VPS)).history
        if history != self._history:
            self._history = history
            await self._client.patch(
                kinds.NODE, self.name, {"status": {"history": history}}, subresource="status"
            )
        for environment in (await self._client.list(kinds.ENVIRONMENT)).items:
            vps = environment["spec"].get("vps") or {}
            if vps.get("node") == self.name and not environment.get("status"):
                made = {"phase": "Ready", "image": "x:1", "tarball": "/x.tar", "size": 1}
                made["digest"] = "sha256:" + "0" * 64
                name = environment["metadata"]["name"]
                await self._client.patch(kinds.ENVIRONMENT, name, {"status": made}, subresource="status")
        for snapshot in (await self._client.list(kinds.SNAPSHOT)).items:
            if snapshot["spec"]["vps"]["node"] == self.name:
                await self._report_snapshot(snapshot)

    async def _report_snapshot(self, snapshot: Object) -> None:
        """It is taken at once, and its files go with it."""
        metadata = snapshot["metadata"]
        name, where = metadata["name"], {"namespace": metadata["namespace"]}
        if metadata.get("deletionTimestamp"):
            await self._client.act(kinds.SNAPSHOT, name, "finish", {"uid": metadata["uid"]}, **where)
        elif not snapshot.get("status"):
            taken = {"phase": "Ready", "size": 1 << 20, "pausedMilliseconds": 12}
            taken["takenAt"] = timestamp(SystemClock().now())
            body = {"metadata": {"uid": metadata["uid"]}, "status": taken}
            await self._client.patch(kinds.SNAPSHOT, name, body, subresource="status", **where)

    async def _set_aside(self, vps: Object) -> None:
        """The files that this VPS's owner has given up now are kept, if they are to be."""
        spec, heard = vps["spec"], (vps["status"].get("observed") or {}).get("replaceFiles", 0)
        if spec.get("keepReplacedFiles") is None or spec.get("replaceFiles", 0) <= heard:
            return
        kept: Object = {
            "apiVersion": kinds.SNAPSHOT.api_version,
            "kind": kinds.SNAPSHOT.kind,
            "metadata": {"name": f"{vps['metadata']['name']}-before-{spec['replaceFiles']}"},
            "spec": {"vps": {"name": vps["metadata"]["name"]}, "cause": "Replaced"},
        }
        kept["spec"]["keepFor"] = spec["keepReplacedFiles"]
        kept["metadata"]["namespace"] = vps["metadata"]["namespace"]
        with contextlib.suppress(errors.AlreadyExists):
            await self._client.create(kinds.SNAPSHOT, kept)

    async def report(self, vps: Object, *, is_drained: bool = False) -> None:
        meta, status = vps["metadata"], vps["status"]
        assignment = status["assignment"]
        if meta.get("deletionTimestamp"):
            body = {"uid": meta["uid"], "epoch": assignment["epoch"]}
            await self._client.act(VPS, meta["name"], "finish", body, namespace=meta["namespace"])
            return
        await self._set_aside(vps)
        declared = vps["spec"]["runState"]
        stops = is_drained or assignment["grant"].get("cores") is None
        seen: Object = {
            "epoch": assignment["epoch"],
            "session": "s1",
            "grantId": assignment["grantId"],
            "state": "stopped" if stops else declared.lower(),
            "ssh": {"state": "ready"},
            "container": {"name": f"kohakuriver-default-{meta['name']}-{meta['uid'][:8]}", "restarts": 0},
        }
        if vps["spec"].get("restartRequest"):
            seen["restartRequest"] = vps["spec"]["restartRequest"]
        if vps["spec"].get("replaceFiles"):
            seen["replaceFiles"] = vps["spec"]["replaceFiles"]
        if is_drained and declared != "Stopped":
            seen["reason"] = "NodeDrained"
        before = status.get("observed") or {}
        if {key: before.get(key) for key in seen} == seen:
            return
        seen["container"]["startedAt"] = timestamp(SystemClock().now())
        body = {
            "metadata": {"uid": meta["uid"]},
            "status": {"observed": seen, "observedGeneration": meta["generation"]},
        }
        await self._client.patch(VPS, meta["name"], body, namespace=meta["namespace"], subresource="status")


@dataclasses.dataclass(frozen=True)
class LivingCluster:
    """The cluster that the examples of `--help` speak of."""

    api: Api
    url: str  # with TLS
    authority: bytes
    nodes: dict[str, LivingNode]
    first: dict[str, bytes]  # what the store had of every object

    async def put_back(self) -> None:
        """Every object is again as it was at first, and no node is silent."""
        while writes := _towards(self.first, await _objects(self.api.store)):
            await self.api.store.commit(expect={}, writes=writes[:MAX_OPERATIONS])
        for node in self.nodes.values():
            await node.be_heard()

    def connection(self, user: str) -> Connection:
        return Connection(self.url, token=token_of(user), ca=self.authority)


@contextlib.asynccontextmanager
async def living_cluster(folder: Path) -> AsyncIterator[LivingCluster]:
    """Nodes n1, n2, nodeA and nodeC; namespaces, environments, tokens; VPSes dev and test, both running."""
    users = tuple(User(name, Role.NODE, node=name) for name in NODES if name.startswith("node"))
    store, clock = MemoryStore(), SystemClock()
    ca = certificates.new_authority("test", now=clock.now())
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api(store, clock=clock, users=users))
        tls, page = _tls(ca, folder), a_page(folder)
        front = await stack.enter_async_context(
            running_api(store, clock=clock, users=users, tls=tls, authority=ca.certificate, page=page)
        )
        nodes = {name: LivingNode(api, name) for name in NODES}
        for node in nodes.values():
            await stack.enter_async_context(node)
        await stack.enter_async_context(RunningController(api, "c1"))
        await _furnish(api)
        yield LivingCluster(api, front.url, ca.certificate, nodes, await _objects(store))


async def _objects(store: Store) -> dict[str, bytes]:
    """Every object but the Leases, which live by being renewed."""
    records, leases = (await store.list(codec.REGISTRY)).records, codec.prefix(kinds.LEASE)
    return {record.key: record.value for record in records if not record.key.startswith(leases)}


def _towards(first: dict[str, bytes], now: dict[str, bytes]) -> list[Put | Delete]:
    """What makes the one of the other."""
    changed = [Put(key, value) for key, value in first.items() if now.get(key) != value]
    return [*changed, *(Delete(key) for key in now if key not in first)]


def _tls(ca: certificates.Pair, folder: Path) -> ssl.SSLContext:
    pair = certificates.sign(ca, "apiserver", hosts=["127.0.0.1"], now=SystemClock().now())
    pair.save(folder, "apiserver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "apiserver.crt", folder / "apiserver.key")
    return context


async def _furnish(api: Api) -> None:
    for name in ("team", "team-a"):
        await api.create(kinds.NAMESPACE, {"metadata": {"name": name}})
    for name in ("my-dev-env", "my-cuda-vps"):
        await api.create(
            kinds.ENVIRONMENT, {"metadata": {"name": name}, "spec": {"image": "kohakuriver/debian-ssh"}}
        )
    spec = {"sha256": "3f9a0c1b" + "0" * 56, "role": "user", "user": "bob", "namespaces": ["default"]}
    await api.create(kinds.TOKEN, {"metadata": {"name": "user-3f9a0c1b"}, "spec": spec})
    joined = {"sha256": "1" * 64, "role": "node", "node": "n1"}
    await api.create(kinds.TOKEN, {"metadata": {"name": "node-n1"}, "spec": joined})
    wanted = {"resources": {"cores": 1, "memory": "1Gi"}, "ssh": {"disabled": True}}
    for name in ("dev", "test"):
        metadata = {"name": name, "namespace": "default", "labels": {"team": "red", "app": "lab"}}
        await api.create(kinds.VPS, {"metadata": metadata, "spec": wanted})
    await eventually(api, 20, dev="running", test="running")


def furnish_folder(folder: Path, home: Path) -> None:
    """The files that the examples name: manifests, keys, another config file."""
    (folder / "manifests" / "more").mkdir(parents=True)
    (folder / "dev.yaml").write_text(MANIFEST.format(name="dev"))
    (folder / "manifests" / "a.yaml").write_text(MANIFEST.format(name="a"))
    (folder / "manifests" / "more" / "b.yaml").write_text(MANIFEST.format(name="b"))
    (folder / "my-env.tar").write_bytes(b"a tarball")
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519.pub").write_text(KEY + "\n")
