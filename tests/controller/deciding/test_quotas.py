"""What a namespace may still book, as the controller knows it, and the words for those who wait."""

import pytest

from kohakuriver.client.watch import ObjectKey
from kohakuriver.controller.deciding import quotas
from kohakuriver.controller.deciding.grants import OverQuota, Regrant, decide
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.quotas import Quotas
from kohakuriver.placement.booking import Booking
from kohakuriver.resources import reasons
from kohakuriver.resources.booked import Amounts, limits_of
from tests.controller.builders import GI, a_node, a_request, a_wish
from tests.controller.deciding.test_grants import PORT_ONLY, a_bound_vps

ALL = ObjectKey("team-a", "all")


def a_quota(**hard):
    return {"spec": {"hard": {f"requests.{name}": most for name, most in hard.items()}}}


def refused(request, used, *, is_bound=False, **hard):
    found = quotas.refusal(request, used, limits_of("all", a_quota(**hard)), is_bound=is_bound)
    assert found is None or found.reason in (
        "QuotaExceeded",
        reasons.QUOTA_TOO_SMALL,
        reasons.QUOTA_WANTS_DISK,
    )
    return found.message if found is not None else ""


@pytest.mark.parametrize(
    ("request_", "used", "hard", "words"),
    [
        (
            a_request(cores=1, account="team-a"),
            Amounts(4000),
            {"cpu": 4},
            "team-a uses 4 of 4 cores (quota all): it waits until some are free",
        ),
        (
            a_request(cores=2, account="team-a"),
            Amounts(2500),
            {"cpu": 4},
            "team-a uses 2.5 of 4 cores (quota all), and this VPS needs 2: it waits until enough is free",
        ),
        (
            a_request(cores=8, account="team-a"),
            Amounts(),
            {"cpu": 4},
            "team-a uses 0 of 4 cores (quota all), and this VPS needs 8: "
            "ask for less, or have the quota raised",
        ),
        (
            a_request(memory=1, account="team-a"),
            Amounts(0, 3 * GI),
            {"memory": "3Gi"},
            "team-a uses 3Gi of 3Gi memory (quota all): it waits until some is free",
        ),
        (
            a_request(gpus=a_wish(count=1), account="team-a"),
            Amounts(gpus=4),
            {"nvidia.com/gpu": "4"},
            "team-a uses 4 of 4 GPUs (quota all): it waits until some are free",
        ),
        (
            a_request(disk=GI, account="team-a"),
            Amounts(disk=2 * GI),
            {"storage": "2Gi"},
            "team-a uses 2Gi of 2Gi disk (quota all): it waits until some is free",
        ),
        (
            a_request(account="team-a"),
            Amounts(),
            {"storage": "2Gi"},
            "quota all of team-a limits disk: say in spec.resources.disk how much this VPS may take",
        ),
        (a_request(cores=1, account="team-a"), Amounts(3000), {"cpu": 4}, ""),
        (a_request(cores=1, account="team-a"), Amounts(9000), {"memory": "4Gi"}, ""),
    ],
)
def test_who_waits_for_his_namespace_is_told_what_it_uses(request_, used, hard, words):
    assert refused(request_, used, **hard) == words


def test_who_was_stopped_has_its_disk_already():
    request = a_request(disk=2 * GI, account="team-a")
    assert refused(request, Amounts(disk=2 * GI), storage="2Gi")
    assert not refused(request, Amounts(disk=2 * GI), is_bound=True, storage="2Gi")
    assert not refused(a_request(account="team-a"), Amounts(), is_bound=True, storage="2Gi")


def test_a_quota_that_cannot_be_read_lets_nothing_be_booked_in_its_namespace_alone():
    known = Quotas()
    known.set_quota(ALL, a_quota(cpu="lots"))
    known.set_quota(ObjectKey("team-b", "all"), {"spec": ["nonsense"]})
    assert "quota all of team-a cannot be read" in known.refuse(a_request(account="team-a")).message
    assert "quota all of team-b cannot be read" in known.refuse(a_request(account="team-b")).message
    assert known.refuse(a_request(account="team-c")) is None


def test_of_two_spellings_the_smaller_limit_holds():
    for hard in ({"cpu": 2, "requests.cpu": 3}, {"requests.cpu": 3, "cpu": 2}):
        (limit,) = limits_of("all", {"spec": {"hard": hard}})
        assert (limit.resource, limit.most) == ("requests.cpu", 2000)


def a_fleet(**hard):
    fleet = Fleet()
    fleet.set_node("n1", a_node("n1").facts)
    fleet.set_node("n2", a_node("n2").facts)
    if hard:
        fleet.quotas.set_quota(ALL, a_quota(**hard))
    fleet.quotas.take_improved()
    return fleet


def test_what_was_asked_for_counts_at_once_and_what_was_refused_does_not():
    fleet, request = a_fleet(cpu=2), a_request(cores=1, account="team-a")
    for number, node in enumerate(("n1", "n2")):
        assert not isinstance(fleet.schedule(request), Unschedulable)
        fleet.assume(node, f"u{number}", request)
    assert fleet.schedule(request) == Unschedulable(
        "QuotaExceeded", "team-a uses 2 of 2 cores (quota all): it waits until some are free"
    )
    assert not isinstance(fleet.schedule(a_request(cores=1)), Unschedulable)
    fleet.confirm("n1", "u0", revision=7, booking=Booking(1000, GI, 30000))
    assert isinstance(fleet.schedule(request), Unschedulable)
    fleet.withdraw("n2", "u1")
    assert not isinstance(fleet.schedule(request), Unschedulable)


def test_a_namespace_improves_when_it_uses_less_or_its_quotas_change():
    fleet = a_fleet(cpu=2)
    fleet.set_bookings("n1", {"u1": Booking(2000, GI, None, namespace="team-a")}, revision=1)
    assert fleet.quotas.take_improved() == set()
    fleet.set_bookings("n1", {"u1": Booking(1000, GI, None, namespace="team-a")}, revision=2)
    assert fleet.quotas.take_improved() == {"team-a"}
    fleet.set_bookings("n2", {"u2": Booking(1000, GI, None, namespace="team-b")}, revision=3)
    fleet.quotas.set_quota(ALL, a_quota(cpu=2))
    assert fleet.quotas.take_improved() == set(), "nothing has changed"
    fleet.quotas.set_quota(ALL, a_quota(cpu=3))
    assert fleet.quotas.take_improved() == {"team-a"}
    fleet.quotas.set_quota(ALL, None)
    assert fleet.quotas.take_improved() == {"team-a"}
    assert not fleet.quotas.limited("team-a")


def test_what_was_booked_before_the_quota_was_made_counts():
    fleet = a_fleet()
    fleet.set_bookings("n1", {"u1": Booking(2000, GI, None, namespace="team-a")}, revision=1)
    fleet.quotas.set_quota(ALL, a_quota(cpu=2))
    assert isinstance(fleet.schedule(a_request(cores=1, account="team-a")), Unschedulable)


def test_a_vps_that_is_started_again_waits_for_its_namespace_only_where_its_node_has_room():
    vps = a_bound_vps(state="stopped", grant=PORT_ONLY)
    over = Unschedulable("QuotaExceeded", "default uses 4 of 4 cores (quota all)")
    assert decide(vps, a_node(), refuse=lambda vps: over) == OverQuota("default", over)
    assert decide(vps, a_node(), refuse=lambda vps: None) == Regrant(1, "n1")
    assert decide(vps, a_node(free_cores=1), refuse=lambda vps: over) != OverQuota("default", over)
