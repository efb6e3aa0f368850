"""What has to be true once everything is whole again: as declared, silent, and nothing left over."""

import asyncio
from collections.abc import Collection
from typing import Any

from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.cache.strays import is_of
from kohakuriver.placement import origin
from kohakuriver.resources import booked, reasons
from kohakuriver.resources.booked import Amounts
from tests.system.simulation.cluster import NODES, VPSES, Cluster
from tests.system.simulation.rules import UID

Json = dict[str, Any]
WATCHED = (
    "registry/vpses/",
    "registry/nodes/",
    "registry/nodeallocations/",
    "registry/snapshots/",
    "registry/events/",
)
DECLARED = {"Running": {"running"}, "Stopped": {"stopped"}, "Paused": {"paused", "stopped"}}
LOOK = 5.0
BEARABLE = 90.0  # seconds to all that can be done beside what lasts


async def settled(cluster: Cluster, *, within: float, quiet: float) -> None:
    """Until nothing but heartbeats has been written for that long."""
    loop = asyncio.get_running_loop()
    started = since = loop.time()
    before = _revisions(cluster)
    changed: list[str] = []
    while loop.time() - since < quiet:
        await asyncio.sleep(LOOK)
        after = _revisions(cluster)
        if after != before:
            changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
            before, since = after, loop.time()
        if loop.time() - started > within:
            lines = [f"{key}: {cluster.store.objects(key).get(key)}" for key in changed]
            raise AssertionError("the steady state is not silent; written last:\n" + "\n".join(lines))


def _revisions(cluster: Cluster) -> dict[str, int]:
    return {key: at for kind in WATCHED for key, at in cluster.store.revisions(kind).items()}


async def borne(cluster: Cluster) -> None:
    """What some have to bear for long does not keep the others from what is declared of them: a full disk,
    a container that answers nothing, a node that writes nonsense. And a full disk lets everybody out."""
    machines = cluster.machines.values()
    if not (cluster.liars or any(machine.faults.stuck or not machine.disk.is_whole for machine in machines)):
        return
    await cluster.heal_around()
    loop = asyncio.get_running_loop()
    until, undone = loop.time() + BEARABLE, "nothing was looked at"
    while undone:
        if loop.time() > until:
            raise AssertionError(f"{undone}\n  for {BEARABLE:g} s, beside {_borne(cluster)}")
        await asyncio.sleep(1.0)
        cluster.rules.check()
        reply = await cluster.call("GET", VPSES)
        told = [_undone(cluster, vps) for vps in reply.body["items"]] if reply.code == 200 else [str(reply)]
        undone = "; ".join(filter(None, told))


def _borne(cluster: Cluster) -> str:
    disks = [name for name, machine in cluster.machines.items() if not machine.disk.is_whole]
    stuck = sorted(name for machine in cluster.machines.values() for name in machine.faults.stuck)
    return f"broken disks of {disks}, nonsense of {sorted(cluster.liars)}, stuck containers of {stuck}"


def _undone(cluster: Cluster, vps: Json) -> str:
    """What is not as declared, where nothing that lasts excuses it."""
    name, status, spec = vps["metadata"]["name"], vps["status"], vps["spec"]
    node = (status.get("assignment") or {}).get("node")
    machine = cluster.machines.get(node)
    phase = status["phase"]
    if machine is not None and (name in machine.faults.stuck or machine.engine.is_given_up):
        return ""
    if phase == "pending":
        where = fits(cluster, vps)
        return f"pending, though it fits on {where}: {name}: {status}" if where else ""
    if node in cluster.liars or (machine is not None and _waits_for(machine.faults.stuck, status)):
        return ""
    if vps["metadata"].get("deletionTimestamp"):
        return f"what was deleted does not go: {name}: {status}"
    if _has_no_origin(status):
        return ""
    ends = spec["runState"] == "Stopped"
    if phase in DECLARED[spec["runState"]] or not (ends or machine is None or machine.disk.is_whole):
        return ""
    return f"declared {spec['runState']}, but {phase}: {name}: {status}"


def _waits_for(stuck: Collection[str], status: Json) -> bool:
    """Whether it is to have cores for itself that a container has which answers nothing: nobody can take them
    off that one. The message names one of those that it waits for.
    """
    waits = status.get("reason") == "WaitingForCores"
    return waits and any(f" default/{name} " in f"{status.get('message')} " for name in stuck)


def check(cluster: Cluster, vpses: list[Json]) -> None:
    for vps in vpses:
        name, status, spec = vps["metadata"]["name"], vps["status"], vps["spec"]
        about = f"{name}: {status}"
        assert not vps["metadata"].get("deletionTimestamp"), f"what was deleted does not go: {about}"
        assert "unreachableSince" not in status, f"a VPS stays lost: {about}"
        phase = status["phase"]
        if phase == "pending":
            where = fits(cluster, vps)
            assert not where, f"pending, though it fits on {where}: {about}"
            assert status.get("message"), f"pending without a reason: {about}"
        else:
            allowed = DECLARED[spec["runState"]] | ({phase} if _has_no_origin(status) else set())
            assert status["phase"] in allowed, f"declared {spec['runState']}, but {status['phase']}: {about}"
    _check_containers(cluster, vpses)
    for snapshot in cluster.store.objects("registry/snapshots/").values():
        assert not snapshot["metadata"].get("deletionTimestamp"), f"a Snapshot does not go: {snapshot}"
        phase = (snapshot.get("status") or {}).get("phase")
        assert phase in ("Ready", "Failed", "Lost"), f"a Snapshot is never taken: {snapshot}"


def _has_no_origin(status: Json) -> bool:
    """Whether its node waits for the Snapshot from which it shall begin, and somebody has to do something."""
    return str(status.get("reason") or "") in (reasons.SNAPSHOT_MISSING, reasons.SNAPSHOT_FAILED)


def fits(cluster: Cluster, vps: Json) -> str:
    """A node that would take it, by the server's own arithmetic."""
    records = {
        one["metadata"]["name"]: one for one in cluster.store.objects("registry/nodeallocations/").values()
    }
    nodes = {one["metadata"]["name"]: one for one in cluster.store.objects("registry/nodes/").values()}
    status = vps["status"]
    bound = (status.get("assignment") or {}).get("node")
    wanted = vps["spec"].get("placement", {}).get("node")
    own = {field: vps["metadata"][field] for field in ("namespace", "name", "uid")}
    begins = origin.origin_of(vps, _origin(cluster, vps))
    if begins is not None and begins.reason:
        return ""
    wanted = begins.node if begins is not None else wanted
    strays = [one for node in nodes.values() for one in (node.get("status") or {}).get("unknown") or ()]
    if not bound and any(is_of(one, **own) for one in strays):
        return ""  # it is placed nowhere while its former container is on a node that was given up
    for name in [bound] if bound else [wanted] if wanted else NODES:
        if name in cluster.liars or not cluster.machines[name].disk.is_whole:
            continue  # nothing new is placed there
        if name not in nodes or name in (status.get("rejectedBy") or {}):
            continue
        record = records.get(name, {"metadata": {"name": name}, "bookings": {}})
        given = (
            booking.regrant(record, nodes[name], vps)
            if bound
            else booking.book(record, nodes[name], vps, epoch=1, id_="")
        )
        if isinstance(given, booking.Booking) and not _is_over_quota(cluster, vps, record, given):
            return name
    return ""


def _origin(cluster: Cluster, vps: Json) -> Json | None:
    stored = cluster.store.objects("registry/snapshots/")
    return stored.get(f"registry/snapshots/default/{origin.named_by(vps)}")


def _is_over_quota(cluster: Cluster, vps: Json, record: Json, given: booking.Booking) -> bool:
    """Whether a quota forbids what would be booked then."""
    uid, used = vps["metadata"]["uid"], Amounts()
    for one in cluster.store.objects("registry/nodeallocations/").values():
        for entry in (one.get("bookings") or {}).values():
            used += Amounts.of(entry)
    more = Amounts.of(given.allocation["bookings"][uid]) - Amounts.of(record["bookings"].get(uid))
    found = cluster.store.objects("registry/resourcequotas/").values()
    return any(booked.exceeded(used, more, booked.limits_of("all", quota)) for quota in found)


def _check_containers(cluster: Cluster, vpses: list[Json]) -> None:
    up: dict[str, int] = {}
    known = {vps["metadata"]["uid"]: vps for vps in vpses}
    for machine in cluster.machines.values():
        for record in machine.engine.records():
            uid = record.seen.labels.get(UID, "")
            assert uid in known, f"a container is left over: {record.seen.name} on {machine.name}"
            node = (known[uid]["status"].get("assignment") or {}).get("node")
            assert node == machine.name, (
                f"a container is left on {machine.name}: {record.seen.name}, now on {node}"
            )
            up[uid] = up.get(uid, 0) + record.seen.is_up
    for uid, vps in known.items():
        wanted = vps["status"]["phase"] in ("running", "paused")
        assert up.get(uid, 0) == wanted, (
            f"{vps['status']['phase']}, with {up.get(uid, 0)} running containers: {vps}"
        )
