"""Which refusals no waiting cures: each has its own reason, and all nodes must refuse for such a one."""

import pytest

from kohakuriver.controller.deciding import quotas
from kohakuriver.controller.deciding.schedule import Unschedulable, schedule
from kohakuriver.controller.deciding.view import Effect, Taint, facts_of
from kohakuriver.placement.cores import Use
from kohakuriver.placement.gpus import GPU
from kohakuriver.placement.mounts import AllowedMount, Mount
from kohakuriver.placement.room import room_of
from kohakuriver.resources import booked, quota, reasons
from kohakuriver.resources.booked import Amounts, Limit
from tests.controller.builders import a_node, a_request, a_wish, some_gpus

TWO_NUMA = {0: frozenset(range(4)), 1: frozenset(range(4, 8))}
TAINT = Taint("dedicated", "gpu", Effect.NO_SCHEDULE)

VAIN = [
    ({"numa": TWO_NUMA}, {"numa": 7}, reasons.NUMA_NODE_NOT_FOUND),
    ({"gpus": some_gpus()}, {"gpus": a_wish(5)}, reasons.GPU_NOT_FOUND),
    ({"gpus": some_gpus(numa=1), "numa": TWO_NUMA}, {"gpus": a_wish(0), "numa": 0}, reasons.GPU_NOT_FOUND),
    ({"gpus": some_gpus()}, {"gpus": a_wish(0, "GPU-0")}, reasons.GPU_NOT_FOUND),
    ({}, {"mounts": (Mount("/data"),)}, reasons.MOUNT_NOT_ALLOWED),
    ({}, {"privileged": True}, reasons.PRIVILEGED_NOT_ALLOWED),
    ({"remaps_users": True}, {"privileged": True}, reasons.PRIVILEGED_NOT_POSSIBLE),
    ({}, {"capabilities": ("NET_ADMIN",)}, reasons.CAPABILITY_NOT_ALLOWED),
    ({}, {"rejected_by": (("n1", "no"),)}, reasons.REJECTED),
    ({}, {"selector": (("disk", "ssd"),)}, reasons.LABEL_NOT_FOUND),
    ({"taints": (TAINT,)}, {}, reasons.TAINT_NOT_TOLERATED),
    ({"cordoned": True}, {}, reasons.NODE_CORDONED),
    ({"draining": True}, {}, reasons.NODE_DRAINING),
    ({"quarantine": "the store went back"}, {}, reasons.NODE_QUARANTINED),
]
CURABLE = [
    ({}, {"numa": 7}),  # it has not reported its cores
    ({"gpus": some_gpus(), "held_gpus": frozenset({"GPU-0"})}, {"gpus": a_wish(0)}),
    ({"gpus": (GPU(0, "GPU-0", healthy=False),)}, {"gpus": a_wish(0)}),
    ({"free_cores": 0}, {}),
    ({"free_memory": 0}, {}),
    ({"free_ports": 0}, {}),
    ({"ready": False}, {"privileged": True}),
    ({"unreadable": "nonsense"}, {}),
    ({"disk_full": True}, {}),
    ({"numa": TWO_NUMA, "use": Use(taken=frozenset(range(8)))}, {}),
    ({"buried": frozenset({"u1"})}, {"former": "u1"}),
]


def refusal(request, *nodes):
    verdict = schedule(request, nodes)
    assert isinstance(verdict, Unschedulable), verdict
    return verdict


@pytest.mark.parametrize(("facts", "wish", "reason"), VAIN)
@pytest.mark.parametrize("named", [{}, {"node": "n1"}], ids=["anywhere", "named"])
def test_what_only_a_person_can_change_has_a_reason_of_its_own(named, facts, wish, reason):
    assert refusal(a_request(**named, **wish), a_node("n1", **facts)).reason == reason
    assert reason in reasons.SCHEDULING


@pytest.mark.parametrize(("facts", "wish"), CURABLE)
@pytest.mark.parametrize("named", [{}, {"node": "n1"}], ids=["anywhere", "named"])
def test_what_may_pass_by_itself_is_waited_for(named, facts, wish):
    assert refusal(a_request(**named, **wish), a_node("n1", **facts)).reason == "Unschedulable"


@pytest.mark.parametrize("wish", [a_wish(0), a_wish(count=2)], ids=["named", "counted"])
@pytest.mark.parametrize("ready", ["True", "False"])
def test_a_node_that_cannot_tell_which_gpus_it_has_may_yet_find_them(wish, ready):
    said = [{"type": "Ready", "status": "True"}, {"type": "GPUsReady", "status": ready}]
    status = {"allocatable": {"cores": "8", "memory": "64Gi"}, "conditions": said}
    node = room_of(facts_of({"metadata": {"name": "n1"}, "status": status}), {})
    lasts = refusal(a_request(gpus=wish), node).reason != "Unschedulable"
    assert lasts == (ready == "True")


def test_one_node_that_may_yet_do_is_enough_to_wait():
    busy, closed = a_node("n1", free_cores=0, allow_privileged=True), a_node("n2")
    verdict = refusal(a_request(privileged=True), busy, closed)
    assert verdict.reason == "Unschedulable"
    assert "1 short of cores" in verdict.message
    assert "1 allowing no privileged VPSes (agent option --allow-privileged)" in verdict.message


def test_nodes_that_refuse_in_vain_for_several_reasons_share_one():
    nodes = [a_node("n1", cordoned=True), a_node("n2")]
    assert refusal(a_request(privileged=True), *nodes).reason == reasons.NO_SUITABLE_NODE


def test_a_node_that_is_not_there_is_told_apart_from_no_nodes_at_all():
    assert refusal(a_request(node="nope"), a_node("n1")).reason == reasons.NODE_NOT_FOUND
    assert refusal(a_request()).reason == "NoNodes"


@pytest.mark.parametrize(
    ("facts", "wish", "message"),
    [
        ({}, {"mounts": (Mount("/data"),)}, "no mount of /data (agent option --allow-mount /data)"),
        (
            {"allow_mounts": (AllowedMount("/data", read_only=True),)},
            {"mounts": (Mount("/data/a"), Mount("/srv", read_only=True))},
            "mounts of /data/a for reading only (readOnly: true, or agent option --allow-mount /data/a)",
        ),
        (
            {},
            {"mounts": (Mount("/srv", read_only=True),)},
            "no mount of /srv (read-only) (agent option --allow-mount /srv:ro)",
        ),
        ({}, {"privileged": True}, "no privileged VPSes (agent option --allow-privileged)"),
        (
            {"remaps_users": True},
            {"privileged": True},
            "no privileged VPSes, as its engine uses userns-remap",
        ),
        (
            {},
            {"capabilities": ("NET_ADMIN", "NET_RAW")},
            "no capability NET_ADMIN, NET_RAW "
            "(agent option --allow-capability NET_ADMIN --allow-capability NET_RAW)",
        ),
    ],
)
def test_a_refusal_names_the_option_that_allows_it(facts, wish, message):
    assert refusal(a_request(node="n1", **wish), a_node("n1", **facts)).message == f"node n1 allows {message}"
    anywhere = refusal(a_request(**wish), a_node("n1", **facts)).message
    assert anywhere == f"0 of 1 nodes fit: 1 allowing {message}"


@pytest.mark.parametrize(
    ("limit", "request_", "reason"),
    [
        (Limit("q", quota.CORES, 4000), a_request(cores=5, account="a"), reasons.QUOTA_TOO_SMALL),
        (Limit("q", quota.CORES, 4000), a_request(cores=2, account="a"), booked.EXCEEDED),
        (Limit("q", quota.DISK, 1 << 30), a_request(account="a"), reasons.QUOTA_WANTS_DISK),
        (Limit("q", quota.CORES, 0, unreadable="no"), a_request(account="a"), reasons.QUOTA_UNREADABLE),
    ],
)
def test_a_quota_that_can_never_be_met_is_told_apart_from_a_full_one(limit, request_, reason):
    verdict = quotas.refusal(request_, Amounts(3000, 0, 0, 0), [limit])
    assert verdict is not None
    assert verdict.reason == reason
