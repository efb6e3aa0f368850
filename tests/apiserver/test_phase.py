"""Every row of the tables in the design, and a property over any VPS that could be made up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.objects import phase
from kohakuriver.apiserver.objects.phase import Derived, derive
from kohakuriver.resources.vps import ObservedState, Phase, RunState

Json = dict[str, Any]

SINCE = "2026-11-23T17:00:00Z"
IN_WORDS = "2026-11-23 17:00:00 UTC"
GRANT = {"cores": "1", "memory": "1Gi", "sshPort": 30000}
NO_ROOM = {
    "type": "Scheduled",
    "status": "False",
    "reason": "NoRoom",
    "message": "0 of 3 nodes fit: 3 short of memory",
}


def unbound(run_state: str = "Running", **status: Any) -> Json:
    return {"metadata": {}, "spec": {"runState": run_state}, "status": status}


def bound(
    state: str | None = None,
    run_state: str = "Running",
    *,
    grant: Json | None = None,
    metadata: Json | None = None,
    observed: Json | None = None,
    **status: Any,
) -> Json:
    status["assignment"] = {"node": "n1", "epoch": 1, "grant": GRANT if grant is None else grant}
    if state:
        status["observed"] = {"epoch": 1, "state": state, **(observed or {})}
    ssh = {"authorizedKeys": ["ssh-ed25519 AAAA me"]}
    return {"metadata": metadata or {}, "spec": {"runState": run_state, "ssh": ssh}, "status": status}


def test_without_a_node_it_is_pending_and_waits_for_the_controller() -> None:
    derived = derive(unbound())
    assert derived == Derived(Phase.PENDING, "Scheduling", "waiting for the controller to find it a node")
    assert derive({"spec": {}}).phase is Phase.PENDING


def test_without_a_node_that_fits_it_is_pending_with_the_controllers_numbers() -> None:
    derived = derive(unbound(conditions=[NO_ROOM]))
    assert derived == Derived(Phase.PENDING, "NoRoom", "0 of 3 nodes fit: 3 short of memory")


def test_what_is_paused_and_has_no_node_is_pending() -> None:
    assert derive(unbound("Paused")).phase is Phase.PENDING


def test_created_stopped_it_is_stopped_without_a_node() -> None:
    assert derive(unbound("Stopped", conditions=[NO_ROOM])).phase is Phase.STOPPED


def test_bound_and_not_yet_reported_it_is_assigning() -> None:
    assert derive(bound()) == Derived(Phase.ASSIGNING, "Assigned", "waiting for node n1 to take it up")


@pytest.mark.parametrize("state", ["preparing", "creating", "starting", "backoff", "failed"])
def test_on_its_way_up_it_is_assigning_in_the_agents_words(state: str) -> None:
    said = {"reason": "Pulling", "message": "pulling 43 %"}
    assert derive(bound(state, observed=said)) == Derived(Phase.ASSIGNING, "Pulling", "pulling 43 %")
    silent = derive(bound(state))
    assert silent.phase is Phase.ASSIGNING and silent.reason and silent.message


def test_what_an_agent_saw_of_an_earlier_placement_does_not_count() -> None:
    assert derive(bound("running", observed={"epoch": 0})).phase is Phase.ASSIGNING


def test_running_and_seen_running_it_is_running() -> None:
    assert derive(bound("running")) == Derived(Phase.RUNNING)


def test_running_without_keys_it_says_how_to_add_one() -> None:
    vps = bound("running")
    vps["spec"]["ssh"] = {}
    assert derive(vps) == Derived(
        Phase.RUNNING, "", "nobody can log in over SSH: add a public key to spec.ssh.authorizedKeys"
    )
    for ssh in ({"passwordless": True}, {"disabled": True}):
        vps["spec"]["ssh"] = ssh
        assert derive(vps) == Derived(Phase.RUNNING)


def test_running_without_an_answer_from_ssh_it_says_why() -> None:
    ssh = {"state": "unavailable", "message": "the image has no sshd"}
    assert derive(bound("running", observed={"ssh": ssh})).message == "the image has no sshd"


def test_paused_and_seen_paused_it_is_paused() -> None:
    assert derive(bound("paused", "Paused")).phase is Phase.PAUSED


def test_stopped_and_seen_stopped_it_is_stopped_and_says_where_its_files_are() -> None:
    for grant in (GRANT, {"sshPort": 30000}):
        derived = derive(bound("stopped", "Stopped", grant=grant))
        assert derived == Derived(Phase.STOPPED, "Stopped", "its files are kept on n1")


@pytest.mark.parametrize("reason", ["Completed", "Error", "NodeDrained"])
def test_ended_by_policy_it_is_stopped_with_the_reason(reason: str) -> None:
    derived = derive(bound("stopped", observed={"reason": reason, "message": "exit code 3"}))
    assert derived == Derived(Phase.STOPPED, reason, "exit code 3")


def test_started_again_after_a_stop_it_is_assigning_until_the_agent_acts() -> None:
    derived = derive(bound("stopped", observed={"reason": "Stopped"}))
    assert derived == Derived(Phase.ASSIGNING, "Starting", "waiting for node n1 to start it again")


def test_started_again_on_a_full_node_it_is_pending_with_the_reason() -> None:
    short = NO_ROOM | {"message": "its files are on n1, which is short of memory: need 4Gi, 1Gi free"}
    vps = bound("stopped", grant={"sshPort": 30000}, conditions=[short])
    assert derive(vps) == Derived(Phase.PENDING, "NoRoom", short["message"])
    waiting = derive(bound("stopped", grant={"sshPort": 30000}))
    assert waiting == Derived(Phase.PENDING, "Scheduling", "its files are on n1; waiting for room there")


def test_the_phase_follows_what_is_seen_and_never_runs_ahead_of_it() -> None:
    assert derive(bound("running", "Stopped")) == Derived(Phase.RUNNING, "Stopping", "it is being stopped")
    assert derive(bound("running", "Paused")) == Derived(Phase.RUNNING, "Pausing", "it is being paused")
    assert derive(bound("paused", "Running")) == Derived(Phase.PAUSED, "Resuming", "it is being resumed")
    assert derive(bound("paused", "Stopped")).phase is Phase.PAUSED


@pytest.mark.parametrize(
    ("state", "run_state", "was"),
    [(None, "Running", "assigning"), ("running", "Running", "running"), ("paused", "Paused", "paused")],
)
def test_on_a_silent_node_it_is_lost_and_says_since_when(state: str | None, run_state: str, was: str) -> None:
    derived = derive(bound(state, run_state, unreachableSince=SINCE))
    assert derived.phase is Phase.LOST
    assert derived.message == f"node n1 has been silent since {IN_WORDS}; it was {was} then"


def test_stopped_on_a_silent_node_it_is_still_stopped() -> None:
    assert derive(bound("stopped", "Stopped", unreachableSince=SINCE)).phase is Phase.STOPPED


@pytest.mark.parametrize("before", ["assigning", "running", "paused", "stopped"])
def test_while_its_container_is_removed_the_phase_stays(before: str) -> None:
    assert derive(bound("removing", phase=before)).phase == before


def test_an_object_being_deleted_keeps_its_phase_and_says_what_it_waits_for() -> None:
    deleted = {"deletionTimestamp": SINCE}
    assert derive(bound("running", metadata=deleted)) == Derived(
        Phase.RUNNING, "Terminating", "waiting for node n1 to remove its container"
    )
    stuck = bound("removing", metadata=deleted, phase="running", observed={"message": "device busy, try 3"})
    assert derive(stuck) == Derived(Phase.RUNNING, "Terminating", "device busy, try 3")
    away = bound("running", metadata=deleted, unreachableSince=SINCE)
    assert derive(away) == Derived(
        Phase.LOST,
        "Terminating",
        f"node n1 unreachable since {IN_WORDS}; it goes when the node is back; --force to forget",
    )
    kept = {"metadata": {**deleted, "finalizers": ["a/b"]}, "spec": {}}
    assert derive(kept).message == "waiting for its finalizers: a/b"


def test_the_derived_fields_replace_whatever_stood_there() -> None:
    vps = bound("running", phase="lost", reason="Old", message="old")
    phase.stamp(vps)
    assert vps["status"]["phase"] == "running"
    assert "reason" not in vps["status"] and "message" not in vps["status"]


JSON: st.SearchStrategy[Any] = st.sampled_from([None, True, 0, 1, "", "x", [], [1], [{}], {}, {"a": 1}])
RUN_STATES = st.sampled_from([state.value for state in RunState]) | JSON
STATES = st.sampled_from([state.value for state in ObservedState]) | JSON
EPOCHS = st.integers(0, 2)
ANY_VPS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {}, optional={"deletionTimestamp": st.just(SINCE) | JSON, "finalizers": JSON}
        ),
        "spec": st.fixed_dictionaries({}, optional={"runState": RUN_STATES, "ssh": JSON}) | JSON,
        "status": st.fixed_dictionaries(
            {},
            optional={
                "phase": st.sampled_from([one.value for one in Phase]) | JSON,
                "assignment": st.fixed_dictionaries(
                    {"node": st.just("n1") | JSON, "epoch": EPOCHS}, optional={"grant": st.just(GRANT) | JSON}
                )
                | JSON,
                "observed": st.fixed_dictionaries(
                    {"epoch": EPOCHS, "state": STATES},
                    optional={"reason": JSON, "message": JSON, "ssh": JSON},
                )
                | JSON,
                "unreachableSince": st.just(SINCE) | JSON,
                "conditions": st.just([NO_ROOM]) | JSON,
            },
        )
        | JSON,
    },
)


def mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@given(ANY_VPS)
def test_any_vps_has_a_phase_and_the_phases_mean_what_they_say(vps: Json) -> None:
    derived = derive(vps)
    assert isinstance(derived.phase, Phase), "always one of the six phases"
    assert isinstance(derived.reason, str) and isinstance(derived.message, str)
    status = mapping(vps.get("status"))
    is_bound, since = bool(mapping(status.get("assignment"))), text(status.get("unreachableSince"))
    observed = mapping(status.get("observed"))
    match derived.phase:
        case Phase.LOST:
            assert is_bound and since, "lost only when bound to a node that is silent"
        case Phase.RUNNING | Phase.PAUSED:
            assert is_bound and not since, "active only when bound to a node that is heard of"
            assert observed["state"] in (derived.phase, "removing"), "active only when the agent saw it"
        case Phase.ASSIGNING:
            assert is_bound, "assigning only when bound"
        case Phase.PENDING:
            assert not is_bound or observed["state"] == "stopped", "pending and bound only when seen stopped"
    if derived.phase not in (Phase.RUNNING, Phase.PAUSED):
        assert derived.reason, "what is not running says why"
