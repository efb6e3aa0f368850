"""What the tests of the writing half share: a server on the memory store, and objects with valid defaults."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.fencing import Leader
from kohakuriver.apiserver.binding.outcome import DeleteOptions, WriteOptions, Written
from kohakuriver.apiserver.booking.proofs import Proofs
from kohakuriver.apiserver.identity.identity import Role, TokenFile, User
from kohakuriver.apiserver.policies.held import Policies
from kohakuriver.apiserver.quota.booked import Booked
from kohakuriver.apiserver.quota.ledger import Ledger
from kohakuriver.apiserver.quota.quotas import Quotas
from kohakuriver.apiserver.quota.stored import Stored
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.apiserver.write import actions, creation, removal, write
from kohakuriver.resources import kinds
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

Json = dict[str, Any]

ADMIN = User("root", Role.ADMIN)
ALICE = User("alice", Role.USER, namespaces=("default",))
VIEWER = User("eve", Role.VIEWER)
CONTROLLER = User("controller", Role.CONTROLLER)
LEADING = WriteOptions(leader=Leader("controller", "c1", 1))
N1 = User("node:n1", Role.NODE, node="n1")
N2 = User("node:n2", Role.NODE, node="n2")

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


def a_vps(name: str = "dev", namespace: str = "default", **spec: Any) -> Json:
    """A manifest as a user writes it."""
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "VPS",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def a_gpu(index: int, *, node: str = "n1", numa: int = 0, model: str = "A100", healthy: bool = True) -> Json:
    """A GPU as a node reports it."""
    return {
        "index": index,
        "uuid": f"GPU-{node}-{index}",
        "model": f"NVIDIA {model}",
        "memory": "40Gi",
        "numa": numa,
        "healthy": healthy,
    }


def a_node(
    name: str = "n1",
    *,
    cores: str = "4",
    memory: str = "8Gi",
    ready: str = "True",
    numa: tuple[str, ...] = (),
    gpus: tuple[Json, ...] = (),
    overcommit: str | None = None,
    **spec: Any,
) -> Json:
    """A Node as stored, with ten SSH ports; `numa` are the cpusets of its NUMA nodes."""
    found: Json = {"gpus": list(gpus)} if gpus else {}
    if overcommit is not None:
        found["cpuOvercommit"] = overcommit
    if numa:
        found["numa"] = [{"id": number, "cpuset": cpuset} for number, cpuset in enumerate(numa)]
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "Node",
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 1},
        "spec": spec,
        "status": {
            "allocatable": {"cores": cores, "memory": memory},
            "sshPorts": {"address": "127.0.0.1", "first": 30000, "last": 30009},
            "conditions": [{"type": "Ready", "status": ready, "message": "its lease is 30 s old"}],
            **found,
        },
    }


def an_event(about: Json, name: str = "dev.1", **fields: Any) -> Json:
    """An Event about an object."""
    meta = about["metadata"]
    involved = {
        "kind": about["kind"],
        "name": meta["name"],
        "namespace": "default",
        "uid": meta.get("uid", ""),
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "default"},
        "involvedObject": involved,
        "reason": "Started",
        **fields,
    }


class _Nothing:
    """A cache in which there is nothing yet."""

    def __init__(self) -> None:
        self.stored = Stored()
        self.booked = Booked()
        self.revision = 0

    async def fresh(self) -> int:
        return self.revision


@dataclasses.dataclass(frozen=True)
class World:
    """A server with nothing but its store and its clock, and short ways to write to it."""

    store: MemoryStore
    clock: LoopClock
    tokens: TokenFile = dataclasses.field(default_factory=lambda: TokenFile({"hash-of-n1": N1}))

    recalled: dict[str, Record | None] | None = None  # what a cache would remember, right or wrong

    crowded: str = ""  # why users may not write
    held: Policies = dataclasses.field(default_factory=Policies)
    proofs: Proofs = dataclasses.field(default_factory=lambda: Proofs(b"key"))

    @property
    def ledger(self) -> Ledger:
        """One of a server that knows of no quota."""
        return Ledger(_Nothing(), self.clock, {})

    def obstacle(self, namespace: str | None, name: str, uid: str) -> str:
        """Nothing: what agents report is the cache's."""
        return ""

    def stood(self, key: str, revision: int) -> float:
        """No time: that is the cache's too."""
        return 0.0

    def issuer_of(self, user: str) -> str:
        """Nobody's: nobody logs in here."""
        return ""

    def policies(self) -> Policies:
        """Those that a test has put in here."""
        return self.held

    def recall(self, keys: Sequence[str]) -> dict[str, Record | None] | None:
        """Nothing, unless a test says what is remembered."""
        return None if self.recalled is None else {key: self.recalled.get(key) for key in keys}

    @property
    def quotas(self) -> Quotas:
        """As the store has it at this moment."""
        found = Quotas()
        found.replace(self._stored())
        return found

    @property
    def booked(self) -> Booked:
        """As the store has it at this moment."""
        found, below = Booked(), codec.prefix(kinds.NODE_ALLOCATION)
        found.replace(record for record in self._stored() if record.key.startswith(below))
        return found

    def _stored(self) -> list[Record]:
        latest = (self.store._latest(key) for key in self.store._versions)
        return [record for record in latest if record is not None]

    async def reached(self, revision: int, *, timeout: float = 0.0) -> bool:
        """Always: nothing lies between the store and this server."""
        return True

    async def fresh(self) -> None:
        """It is."""

    async def put(self, resource: kinds.ResourceType, obj: Json) -> None:
        """Store an object as it is, past every rule."""
        key = codec.key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        await self.store.commit(expect={}, writes=[Put(key, codec.encode(obj))])

    async def get(self, resource: kinds.ResourceType, name: str, namespace: str | None = None) -> Json | None:
        """What is stored."""
        record = await self.store.get(codec.key(resource, namespace, name))
        return codec.decode(record) if record else None

    async def vps(self, name: str = "dev") -> Json:
        """A VPS that must be there."""
        found = await self.get(kinds.VPS, name, "default")
        assert found is not None, f"VPS {name} is gone"
        return found

    async def bookings(self, node: str = "n1") -> Json:
        """What is booked on a node, by VPS uid."""
        found = await self.get(kinds.NODE_ALLOCATION, node)
        bookings: Json = (found or {}).get("bookings") or {}
        return bookings

    async def create(
        self,
        body: Json,
        *,
        user: User = ADMIN,
        resource: kinds.ResourceType = kinds.VPS,
        options: WriteOptions | None = None,
    ) -> Written:
        """POST."""
        namespace = body["metadata"].get("namespace", "default") if resource.namespaced else None
        return await creation.create(
            self, Call(user, resource, namespace, options=options or WriteOptions()), body
        )

    async def update(
        self,
        body: Json,
        *,
        user: User = ADMIN,
        resource: kinds.ResourceType = kinds.VPS,
        subresource: str = "",
        options: WriteOptions | None = None,
    ) -> Written:
        """PUT."""
        place = body["metadata"].get("namespace"), body["metadata"]["name"], subresource
        return await write.update(self, Call(user, resource, *place, options or WriteOptions()), body)

    async def patch(
        self,
        body: Any,
        name: str = "dev",
        *,
        user: User = ADMIN,
        resource: kinds.ResourceType = kinds.VPS,
        subresource: str = "",
        content_type: str = MERGE,
        options: WriteOptions | None = None,
    ) -> Written:
        """PATCH."""
        place = "default" if resource.namespaced else None, name, subresource
        options = options or (LEADING if user == CONTROLLER else WriteOptions())
        return await write.patch(self, Call(user, resource, *place, options), content_type, body)

    async def delete(
        self,
        name: str = "dev",
        *,
        user: User = ADMIN,
        resource: kinds.ResourceType = kinds.VPS,
        **options: Any,
    ) -> Written:
        """DELETE."""
        call = Call(user, resource, "default" if resource.namespaced else None, name)
        return await removal.delete(self, call, DeleteOptions.parse(options))

    async def act(self, action: str, name: str = "dev", *, user: User = CONTROLLER, **body: Any) -> Written:
        """POST …/ACTION, with the uid and epoch as they are unless the test says otherwise."""
        timeless = action in ("bind", "forget", "adopt")
        if "uid" not in body or ("epoch" not in body and not timeless):
            vps = await self.vps(name)
            body.setdefault("uid", vps["metadata"]["uid"])
            if not timeless:
                body.setdefault("epoch", vps["status"].get("epoch"))
        return await actions.act(self, Call(user, kinds.VPS, "default", name, action), body)

    async def forget_node(self, name: str = "n1", *, user: User = ADMIN, **body: Any) -> Written:
        """POST nodes/NAME/forget."""
        return await actions.act(
            self, Call(user, kinds.NODE, None, name, "forget"), body or {"destroyed": True}
        )

    async def confirm(self, uid: str, epoch: int, *, node: str = "n1", user: User = N1) -> Written:
        """POST nodeallocations/NAME/confirm."""
        call = Call(user, kinds.NODE_ALLOCATION, None, node, "confirm")
        return await actions.act(self, call, {"uid": uid, "epoch": epoch})

    async def silence(self, name: str = "dev") -> Json:
        """The controller's mark on a VPS whose node is silent."""
        body = {"status": {"unreachableSince": "2026-01-01T00:00:00Z"}}
        return (await self.patch(body, name, user=CONTROLLER, subresource="status")).object

    async def events(self, namespace: str = "default") -> list[tuple[str, str]]:
        """Reason and message of the Events there are."""
        page = await self.store.list(codec.prefix(kinds.EVENT, namespace))
        found = [codec.decode(record) for record in page.records]
        return [(event["reason"], event["message"]) for event in found]

    async def bound(self, name: str = "dev", node: str = "n1", **spec: Any) -> Json:
        """A VPS that has been created and bound."""
        await self.create(a_vps(name, **spec))
        return (await self.act("bind", name, node=node)).object

    async def report(self, name: str = "dev", *, user: User = N1, **status: Any) -> Written:
        """The agent's status: `state` and `observed` go into observed, other fields stand as they are."""
        vps = await self.vps(name)
        grant = (vps["status"].get("assignment") or {}).get("grantId")
        observed = {
            "epoch": vps["status"]["epoch"],
            "grantId": grant,
            "state": status.pop("state", "running"),
        }
        observed |= status.pop("observed", {})
        body = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": {"observed": observed, **status}}
        return await self.patch(body, name, user=user, subresource="status")


async def a_world(*nodes: Json) -> World:
    """A world with the built-in namespaces and these nodes."""
    world = World(MemoryStore(), LoopClock())
    for name in kinds.BUILT_IN_NAMESPACES:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await world.create(body, resource=kinds.NAMESPACE)
    lead = {"holderIdentity": "c1", "leaseDurationSeconds": 10, "leaseTransitions": 1}
    await world.put(
        kinds.LEASE, {"metadata": {"name": "controller", "namespace": kinds.SYSTEM_NAMESPACE}, "spec": lead}
    )
    for node in nodes:
        await world.put(kinds.NODE, node)
    return world
