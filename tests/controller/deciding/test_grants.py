"""When a bound VPS gives its cores and memory back, and when it asks for them again."""

import pytest

from kohakuriver.controller.deciding.grants import Regrant, Release, Rest, Wait, decide, is_pending
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.resources import reasons
from tests.controller.builders import a_node, some_gpus

FULL_GRANT = {"cores": "2", "memory": "2Gi", "sshPort": 30000}
PORT_ONLY = {"sshPort": 30000}


def a_bound_vps(
    *, run_state="Running", grant=FULL_GRANT, state="running", epoch=1, deleting=False, reason=""
):
    metadata = {"name": "dev", "namespace": "default", "uid": "u1"}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {
        "metadata": metadata,
        "spec": {"runState": run_state, "resources": {"cores": 2, "memory": "2Gi"}},
        "status": {
            "assignment": {"node": "n1", "epoch": 1, "grant": grant},
            "observed": {"epoch": epoch, "state": state, "reason": reason},
        },
    }


def test_a_vps_declared_and_seen_stopped_releases():
    assert decide(a_bound_vps(run_state="Stopped", state="stopped"), a_node()) == Release(1, "it is stopped")


@pytest.mark.parametrize(
    "vps",
    [
        a_bound_vps(),
        a_bound_vps(run_state="Stopped", state="running"),
        a_bound_vps(run_state="Stopped", state="stopped", epoch=0),
        a_bound_vps(run_state="Stopped", state="stopped", grant=PORT_ONLY),
        a_bound_vps(run_state="Stopped", state="stopped", deleting=True),
        a_bound_vps(run_state="Running", grant=PORT_ONLY, deleting=True),
        a_bound_vps(run_state="Running", state="stopped"),
    ],
    ids=["running", "not stopped yet", "seen of another epoch", "released", "deleting", "gone", "ended"],
)
def test_nothing_is_booked_or_freed_where_nothing_has_to_be(vps):
    assert decide(vps, a_node()) is None


def test_what_was_seen_under_an_earlier_grant_frees_nothing():
    vps = a_bound_vps(run_state="Stopped", state="stopped")
    vps["status"]["assignment"]["grantId"] = "second"
    assert decide(vps, a_node()) is None
    vps["status"]["observed"]["grantId"] = "second"
    assert decide(vps, a_node()) == Release(1, "it is stopped")


@pytest.mark.parametrize("run_state", ["Running", "Paused"])
def test_a_vps_started_again_asks_for_its_cores_on_its_own_node(run_state):
    vps = a_bound_vps(run_state=run_state, state="stopped", grant=PORT_ONLY)
    assert decide(vps, a_node("n1", cordoned=True)) == Regrant(1, "n1")


def waits(reason, message):
    return Wait("n1", Unschedulable(reason, message))


def test_a_vps_whose_node_is_full_waits_and_says_for_what():
    vps = a_bound_vps(state="stopped", grant=PORT_ONLY)
    assert decide(vps, a_node("n1", free_memory=1.5)) == waits(
        "NoRoom", "its files are on n1, which is short of memory (need 2Gi, free 1.5Gi, 16Gi in all on n1)"
    )


def test_a_vps_that_its_node_can_never_take_again_is_told_so():
    vps = a_bound_vps(state="stopped", grant=PORT_ONLY)
    assert decide(vps, a_node("n1", cores=16, memory=1)) == waits(
        "NeverFits", "its files are on n1, which is short of memory (need 2Gi, 1Gi in all on n1)"
    )


def test_a_vps_whose_node_is_not_there_waits_for_it():
    vps = a_bound_vps(state="stopped", grant=PORT_ONLY)
    assert decide(vps, None) == waits(reasons.NODE_NOT_FOUND, "its files are on n1, which is not there")


def test_a_vps_is_pending_when_it_wants_a_node_and_has_none():
    unbound = {**a_bound_vps(), "status": {}}
    assert is_pending(unbound)
    assert not is_pending(a_bound_vps())
    assert not is_pending({**unbound, "spec": {"runState": "Stopped"}})
    assert not is_pending({**unbound, "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})


def a_drained_vps(**more):
    return a_bound_vps(state="stopped", reason="NodeDrained", **more)


def test_a_drained_vps_releases_once_it_is_seen_stopped():
    assert decide(a_drained_vps(), a_node(draining=True)) == Release(1, "node n1 is being drained")
    assert decide(a_bound_vps(), a_node(draining=True)) is None


def test_a_drained_vps_rests_without_a_word_until_the_drain_is_over():
    drained = a_drained_vps(grant=PORT_ONLY)
    assert decide(drained, a_node(draining=True, free_cores=0)) == Rest("n1")
    assert decide(drained, a_node(cordoned=True)) == Regrant(1, "n1")


def test_a_vps_seen_drained_on_a_node_not_known_to_be_drained_is_looked_at_again_when_that_changes():
    assert decide(a_drained_vps(), a_node()) == Rest("n1")


def test_a_vps_started_while_its_node_is_drained_is_told_so():
    vps = a_bound_vps(state="stopped", grant=PORT_ONLY)
    assert decide(vps, a_node(draining=True)) == waits(
        reasons.NODE_DRAINING, "its files are on n1, which is being drained"
    )


def test_a_vps_whose_gpus_were_given_away_meanwhile_waits_for_them():
    vps = a_bound_vps(state="stopped", grant=PORT_ONLY)
    vps["spec"]["placement"] = {"gpus": {"count": 2}}
    node = a_node("n1", gpus=some_gpus(), held_gpus=frozenset({"GPU-0", "GPU-1"}))
    assert decide(vps, node) == waits(
        "NoRoom", "its files are on n1, which is short of GPUs (need 2, free 0, 2 in all on n1)"
    )
