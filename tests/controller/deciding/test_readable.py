"""What stands in for objects that cannot be read: whatever they hold, all decisions can be made."""

import contextlib
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from kohakuriver import image_name
from kohakuriver.client import servers
from kohakuriver.client.watch import key_of
from kohakuriver.clock import EPOCH
from kohakuriver.controller.deciding import filters, grants, readable, snapshot_view, snapshots, view
from kohakuriver.controller.deciding.nodes import Limits
from kohakuriver.controller.deciding.schedule import Placement, Unschedulable
from kohakuriver.controller.ears import Ears
from kohakuriver.controller.explainer import differs
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.tenants import Tenants
from kohakuriver.placement.booking import bookings_of
from kohakuriver.placement.origin import origin_of
from kohakuriver.readable import UNREADABLE
from tests.controller.builders import a_request

META = {"name": "it", "namespace": "default", "uid": "u", "resourceVersion": "7"}
READY = {"type": "Ready", "status": "True"}
WORDS = [
    "",
    "x",
    "all",
    "-1",
    "0-99999999999",
    "lots",
    "2",
    "4Gi",
    "Stopped",
    "True",
    "n1",
    "2026-01-01T00:00:00Z",
]
SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
)
_NAMES = """
    allocatable cores memory sshPorts first last address numa id cpuset gpus index uuid model healthy
    conditions type status reason message unknown uid state sshPort quarantine why images allowMounts
    prefix readOnly taints key effect value unschedulable drain labels resources placement node
    nodeSelector ids count tolerations operator ssh mounts source priority runState environment tarball
    digest image assignment epoch grant observed unreachableSince rejectedBy rejectedUnder bookings
    tombstone exclusive cpuOvercommit leaseDurationSeconds holderIdentity
"""
FIELDS = st.sampled_from(_NAMES.split())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=20,
)
PARTS = st.dictionaries(FIELDS, JSON, max_size=6)


def a_node(name: str = "it", **status: Any) -> dict[str, Any]:
    has = {"allocatable": {"cores": "8", "memory": "16Gi"}, "conditions": [READY], **status}
    return {"metadata": {**META, "name": name}, "spec": {}, "status": has}


def a_vps(**more: Any) -> dict[str, Any]:
    spec = {"runState": "Running", "resources": {"cores": 1, "memory": "1Gi"}}
    return {"metadata": META, "spec": spec, "status": {}, **more}


def one_changed(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with one value in it replaced."""
    if not path:
        return value
    inner = body.get(path[0]) if isinstance(body, dict) else None
    return {**body, path[0]: one_changed(inner if isinstance(inner, dict) else {}, path[1:], value)}


def everything_is_read(vps: Any, node: Any, allocation: Any, lease: Any, environment: Any) -> None:
    """What the controller does with what has come in."""
    fleet, good = Fleet(), view.facts_of(a_node("good"))
    fleet.set_node("good", good)
    fleet.set_node("it", view.facts_of(node))
    bookings = bookings_of(allocation)
    fleet.set_bookings("it", bookings, revision=1, unreadable=allocation.get(UNREADABLE) or "")
    view.is_marked_silent(node), view.orders_of(node), view.is_ready(node)
    image = image_name.of_environment(environment)
    request = view.request_of(vps, image=image) if grants.is_pending(vps) else a_request()
    for one in (request, a_request(), a_request(node="it"), a_request(exclusive=1), a_request(numa=0)):
        verdict = fleet.schedule(one)
        if isinstance(verdict, Unschedulable):
            differs(vps, verdict)
        elif verdict.node in ("it", "good"):
            fleet.assume(verdict.node, "u", one)
            fleet.withdraw(verdict.node, "u")
    assert isinstance(fleet.schedule(a_request()), Placement)
    grants.decide(vps, fleet.get("it"))
    grants.says_unscheduled(vps)
    tenants = Tenants()
    tenants.update(key_of(vps), vps)
    assert all(isinstance(name, str) for name in tenants.nodes())
    tenants.back()
    tuple(filters.that_apply(request))
    ears = Ears(Limits())
    duration = (lease.get("spec") or {}).get("leaseDurationSeconds")
    ears.renewal("it", revision="1", duration=duration, now=0.0)
    ears.renewal("it", revision="2", duration=duration, now=1.0)
    servers.registered([lease])


@hypothesis.given(spec=JSON | PARTS, status=JSON | PARTS, bookings=JSON | PARTS, metadata=PARTS)
def test_whatever_objects_hold_all_decisions_can_be_made(spec, status, bookings, metadata):
    body = {"metadata": {**metadata, **META}, "spec": spec, "status": status, "bookings": bookings}
    read = (
        one(body)
        for one in (readable.vps, readable.node, readable.allocation, readable.lease, readable.environment)
    )
    everything_is_read(*read)


_OF_A_VPS = """
    spec.resources spec.resources.cores spec.resources.memory spec.placement spec.placement.node
    spec.placement.nodeSelector spec.placement.numa spec.placement.gpus spec.placement.gpus.ids
    spec.placement.gpus.model spec.tolerations spec.mounts spec.image spec.environment spec.priority
    spec.runState spec.ssh status.assignment status.assignment.node status.assignment.epoch
    status.assignment.grant status.assignment.grant.cpuset status.observed status.observed.state
    status.conditions status.unreachableSince status.rejectedBy status.rejectedUnder metadata.labels
"""
_OF_A_NODE = """
    spec spec.taints status status.allocatable status.allocatable.cores status.allocatable.memory
    status.sshPorts status.sshPorts.first status.numa status.gpus status.images status.allowMounts
    status.quarantine status.quarantine.why status.unknown status.conditions metadata.labels
    status.cpuOvercommit
"""
PATHS = [*(("vps", path) for path in _OF_A_VPS.split()), *(("node", path) for path in _OF_A_NODE.split())]
BASE = {
    "vps": a_vps(status={"assignment": {"node": "it", "epoch": 1, "grant": {"cores": "1", "memory": "1Gi"}}}),
    "node": a_node(sshPorts={"address": "a", "first": 30000, "last": 30009}),
}


@hypothesis.given(place=st.sampled_from(PATHS), value=JSON)
def test_whatever_stands_in_one_field_all_decisions_can_be_made(place, value):
    kind, path = place
    whole = BASE | {kind: one_changed(BASE[kind], tuple(path.split(".")), value)}
    empty = {"metadata": META}
    everything_is_read(
        readable.vps(whole["vps"]),
        readable.node(whole["node"]),
        readable.allocation(empty),
        readable.lease(empty),
        readable.environment(empty),
    )


@pytest.mark.parametrize("body", BASE.values(), ids=BASE)
def test_what_can_be_read_is_left_as_it_is(body):
    assert readable.vps(BASE["vps"]) is BASE["vps"]
    assert readable.node(BASE["node"]) is BASE["node"]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (
            {"allocatable": {"cores": "lots", "memory": "1Gi"}},
            'invalid quantity "lots": write a number such as',
        ),
        ({"allocatable": {"cores": "-4", "memory": "1Gi"}}, "no machine has -4000 millicores"),
        ({"cpuOvercommit": "often"}, 'invalid ratio "often": use a number from 1 to 64'),
        ({"numa": [{"id": 0, "cpuset": "all"}]}, 'invalid set of cores "all"'),
        ({"numa": [{"id": 0, "cpuset": "0-99999999999"}]}, "invalid set of cores"),
        ({"numa": [{"id": 0}]}, "cpuset is missing"),
        ({"unknown": [{"uid": "u", "cores": "many", "state": "running"}]}, 'invalid quantity "many"'),
        ({"gpus": 7}, "a value is of the wrong type"),
        ({"sshPorts": {"first": 1, "last": 2**70}}, "there are no ports from 1 to"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_node_that_cannot_be_read_takes_nothing_and_says_why(status, why):
    facts = view.facts_of(readable.node(a_node(**status)))
    assert why in facts.unreadable
    assert (facts.ready, facts.cores) == (True, 0)
    fleet = Fleet()
    fleet.set_node("it", facts)
    verdict = fleet.schedule(a_request(node="it"))
    assert isinstance(verdict, Unschedulable)
    assert why in verdict.message
    assert verdict.message.startswith("what is known of node it cannot be read: ")


def test_a_node_with_a_record_that_cannot_be_read_takes_nothing_until_it_can():
    fleet = Fleet()
    fleet.set_node("it", view.facts_of(a_node()))
    bad = readable.allocation({"metadata": META, "bookings": {"u": {"cores": "-3"}}})
    fleet.set_bookings("it", bookings_of(bad), revision=1, unreadable=bad[UNREADABLE])
    assert isinstance(fleet.schedule(a_request()), Unschedulable)
    fleet.set_bookings("it", {}, revision=2)
    assert fleet.schedule(a_request()) == Placement("it")


def test_a_vps_that_cannot_be_read_still_has_its_node_so_that_a_loss_is_told():
    body = readable.vps(one_changed(BASE["vps"], ("spec", "resources", "cores"), "many"))
    assert body[UNREADABLE].startswith('invalid quantity "many"')
    tenants = Tenants()
    tenants.update(key_of(body), body)
    assert list(tenants.nodes()) == ["it"]
    assert grants.decide(body, None) is None


_OF_A_SNAPSHOT = """
    spec spec.vps spec.vps.name spec.vps.uid spec.vps.node spec.keepFor spec.cause status status.phase
    status.message status.takenAt metadata.creationTimestamp metadata.deletionTimestamp
"""


@hypothesis.given(place=st.sampled_from(_OF_A_SNAPSHOT.split()), value=JSON)
def test_whatever_a_snapshot_holds_who_begins_from_it_is_told_and_how_long_it_stays(place, value):
    body = {
        "metadata": {**META, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"vps": {"name": "dev", "uid": "u1", "node": "n1"}, "keepFor": "1h", "cause": "Schedule"},
        "status": {"phase": "Ready", "takenAt": "2026-01-01T00:00:00Z"},
    }
    assert readable.snapshot(body) is body
    *way, last = place.split(".")
    inside = body
    for step in way:
        inside = inside[step]
    inside[last] = value
    found = readable.snapshot(body)
    origin = origin_of({"metadata": META, "spec": {"filesFrom": {"snapshot": "it"}}}, found)
    assert isinstance(origin.message, str) and isinstance(origin.node, str)
    if not found.get(UNREADABLE):
        snapshots.expires(snapshot_view.kept_of(found))


@hypothesis.given(plan=JSON | PARTS, origin=JSON, observed=JSON)
def test_whatever_a_plan_holds_what_is_due_can_be_decided(plan, origin, observed):
    body = {
        "metadata": META,
        "spec": {**BASE["vps"]["spec"], "snapshots": plan, "filesFrom": origin},
        "status": {"observed": observed},
    }
    found = readable.vps(body)
    planned = snapshot_view.planned_of(found)
    snapshot_view.awaits(found)
    if planned is not None:
        with contextlib.suppress(ValueError):  # what cron makes nothing of is told
            snapshots.decide(planned, [], EPOCH)
