"""Nodes without machines, and controllers, all in the test's own loop on the real API server.

A `SimulatedNode` does over the API what an agent does: registers, renews its Lease, reports what is bound to
it and answers marks. It starts no containers: whatever is granted runs at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from kohakuriver import errors
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import revision_of
from kohakuriver.clock import Clock, micro_timestamp
from kohakuriver.controller.deciding.schedule import Strategy
from kohakuriver.controller.election import LEASE_NAME
from kohakuriver.controller.options import Options
from kohakuriver.controller.program import Controller
from kohakuriver.resources.kinds import LEASE, NODE, NODE_ALLOCATION, NODE_LEASE_NAMESPACE, VPS
from tests.apiserver.api import Api, Looks
from tests.fakes.clock import LoopClock

Object = dict[str, Any]
PERIOD = 3.0
VPSES = VPS.path(namespace="default")


def a_vps(name: str, *, cores: Any = 1, memory: str = "1Gi", **spec: Any) -> Object:
    """A manifest that mentions only what matters to the test."""
    wanted = {"resources": {"cores": cores, "memory": memory}, **spec}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": wanted}


class SimulatedNode:
    """One node's agent. `async with` joins it to the cluster; `mute()` cuts it off."""

    _lease_seconds = 10
    _says_container = False

    def __init__(self, api: Api, name: str, *, cores: str = "8", memory: str = "16Gi", gpus: int = 0) -> None:
        self.name = name
        self._cores, self._memory, self._gpus = cores, memory, gpus
        self._client = Client(Connection(server=api.url, token=api.token(name)), program="agent")
        self._clock = LoopClock()
        self._task: asyncio.Task[None] | None = None
        self._speaks = asyncio.Event()
        self._speaks.set()

    async def __aenter__(self) -> "SimulatedNode":
        await self.register()
        self._task = asyncio.create_task(self._run(), name=f"simulated node {self.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._client.aclose()

    def mute(self) -> None:
        """The node is cut off: nothing comes from it."""
        self._speaks.clear()

    def unmute(self) -> None:
        """It is back."""
        self._speaks.set()

    async def answer(self) -> None:
        """It answers what the controller has written of it, sooner than it renews its Lease again."""
        await self._report_all()

    async def register(self) -> None:
        node = {"apiVersion": NODE.api_version, "kind": NODE.kind, "metadata": {"name": self.name}}
        with contextlib.suppress(errors.AlreadyExists):
            await self._client.create(NODE, node)
        await self._report_node()
        await self._renew()

    async def _run(self) -> None:
        while True:
            await self._speaks.wait()
            with contextlib.suppress(errors.KohakuRiverError):
                await self._renew()
                await self._report_all()
            await asyncio.sleep(PERIOD)

    async def _report_node(self) -> None:
        amount = {"cores": self._cores, "memory": self._memory}
        ready = {"type": "Ready", "status": "True", "reason": "AgentReady", "message": ""}
        ports = {"address": "127.0.0.1", "first": 30000, "last": 30099}
        status = {"capacity": amount, "allocatable": amount, "sshPorts": ports, "conditions": [ready]}
        status["numa"] = [{"id": 0, "cpuset": f"0-{int(self._cores) - 1}"}]
        status["gpus"] = [{"index": index, "uuid": f"GPU-{index}"} for index in range(self._gpus)]
        await self._client.patch(NODE, self.name, {"status": status}, subresource="status")

    async def _renew(self) -> None:
        renewal = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self.name, "namespace": NODE_LEASE_NAMESPACE},
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": self._lease_seconds,
                "renewTime": micro_timestamp(self._clock.now()),
            },
        }
        try:
            await self._client.patch(LEASE, self.name, renewal, namespace=NODE_LEASE_NAMESPACE)
        except errors.NotFound:
            await self._client.create(LEASE, renewal)

    async def _report_all(self) -> None:
        node = await self._client.get(NODE, self.name)
        if any(one["type"] == "Ready" and one["status"] != "True" for one in node["status"]["conditions"]):
            await self._report_node()
        is_drained = bool(node["spec"].get("drain"))
        for vps in (await self._client.list(VPS)).items:
            await self.report(vps, is_drained=is_drained)
        await self._work_off_tombstones()

    async def _work_off_tombstones(self) -> None:
        try:
            record = await self._client.get(NODE_ALLOCATION, self.name)
        except errors.NotFound:
            return
        for uid, booking in record.get("bookings", {}).items():
            if booking.get("tombstone"):
                body = {"uid": uid, "epoch": booking["epoch"]}
                await self._client.act(NODE_ALLOCATION, self.name, "confirm", body)

    async def report(self, vps: Object, *, is_drained: bool = False) -> None:
        """It writes the status of this VPS, where that is not so already or the controller calls it lost."""
        status, meta = vps["status"], vps["metadata"]
        assignment = status["assignment"]
        declared = vps["spec"]["runState"]
        granted = assignment["grant"].get("cores") is not None
        stops = is_drained or not granted
        state = "stopped" if stops else declared.lower()
        grant = assignment["grantId"]
        seen = {"epoch": assignment["epoch"], "grantId": grant, "session": "s1", "state": state}
        if self._says_container:
            seen["container"] = {"id": f"container-of-{meta['uid']}"}
        if is_drained and declared != "Stopped":
            seen["reason"] = "NodeDrained"
        if (status.get("observed") or {}) == seen and not status.get("unreachableSince"):
            return
        body = {"metadata": {"uid": meta["uid"]}, "status": {"observed": seen}}
        await self._client.patch(VPS, meta["name"], body, namespace=meta["namespace"], subresource="status")


class RunningController:
    """A controller as a task: `stop()` ends it in good order, `kill()` does not."""

    def __init__(
        self,
        api: Api,
        identity: str,
        *,
        strategy: Strategy = Strategy.SPREAD,
        lease: str = LEASE_NAME,
        url: str = "",
        clock: Clock | None = None,
    ) -> None:
        self._connection = Connection(server=url or api.url, token=api.token("controller"))
        self._clock = clock or LoopClock()
        self._options = Options(identity=identity, strategy=strategy, lease=lease)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.controller: Controller | None = None

    async def __aenter__(self) -> "RunningController":
        self._task = asyncio.create_task(self._run(), name="controller under test")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def stop(self) -> None:
        assert self._task is not None
        self._stop.set()
        await self._task

    async def kill(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        async with Client(self._connection, program="controller") as client:
            self.controller = Controller(client, self._connection, options=self._options, clock=self._clock)
            await self.controller.run(self._stop)


async def get(api: Api, name: str) -> Object:
    reply = await api.get(f"{VPSES}/{name}")
    assert reply.code == 200, reply.body
    return dict(reply.body)


async def phases(api: Api) -> dict[str, str]:
    reply = await api.get(VPSES)
    return {item["metadata"]["name"]: item["status"]["phase"] for item in reply.body["items"]}


async def eventually(api: Api, within: float, **wanted: str) -> None:
    """Until these VPSes have these phases, in simulated seconds."""
    seen: dict[str, str] = {}
    try:
        async with asyncio.timeout(within):
            await asyncio.sleep(0.1)
            looks = Looks(api.store, every=0.1)
            while wanted.items() - (seen := await phases(api)).items():
                await looks.next()
    except TimeoutError:
        raise AssertionError(f"wanted {wanted}, saw {seen}") from None


async def conditions(api: Api, path: str) -> dict[str, Object]:
    reply = await api.get(path)
    return {one["type"]: one for one in reply.body["status"].get("conditions") or ()}


@contextlib.asynccontextmanager
async def nothing_is_written(api: Api) -> AsyncIterator[None]:
    """Fails when, within the block, anything changes but heartbeats, leaderships and Events."""
    before = await _revisions(api)
    yield
    after = await _revisions(api)
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    assert not changed, f"the steady state is not silent: {changed}"


async def _revisions(api: Api) -> dict[str, int]:
    found = {}
    for path in (VPS.path(), NODE.path(), "/apis/kohakuriver.io/v1alpha1/nodeallocations"):
        for item in (await api.get(path)).body["items"]:
            found[f"{path} {item['metadata']['name']}"] = revision_of(item)
    return found
