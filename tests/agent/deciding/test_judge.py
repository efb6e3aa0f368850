"""What follows from what is declared, seen and known."""

import dataclasses

import pytest

from kohakuriver.agent.deciding.actions import (
    Create,
    Finish,
    MakeAnew,
    Pause,
    PullImage,
    Remove,
    SetAside,
    Start,
    Stop,
    Tell,
    Unpause,
    Update,
    WriteFiles,
)
from kohakuriver.agent.deciding.desired import Desired, Login
from kohakuriver.agent.deciding.judge import Verdict
from kohakuriver.agent.deciding.learn import engine_lost
from kohakuriver.agent.deciding.memory import (
    Cause,
    Durable,
    Exit,
    Hold,
    ImageState,
    ImageView,
    Memory,
    Recreation,
    Restart,
    SSHView,
    Starting,
    Trouble,
)
from kohakuriver.agent.runtime.base import Container, ContainerState, Limits
from kohakuriver.resources.vps import ObservedState, RestartPolicy, RunState
from tests.agent.builders import (
    FIRST_RUN,
    NOON,
    SECOND_RUN,
    a_container,
    a_vps,
    exited,
    judged,
    known,
    learn,
)

PAUSED, STOPPED = RunState.PAUSED, RunState.STOPPED


def after(vps: Desired, container: Container | None, memory: Memory, now: float = NOON) -> Memory:
    return learn(memory, vps, container, now)


def actions(
    vps: Desired, container: Container | None, memory: Memory | None = None, now: float = NOON
) -> list:  # type: ignore[type-arg]
    return list(verdict(vps, container, memory, now).actions)


def verdict(
    vps: Desired, container: Container | None, memory: Memory | None = None, now: float = NOON
) -> Verdict:
    """Of a look, and of what it taught."""
    memory = after(vps, container, memory or known(vps, container), now)
    return judged(vps, container, memory, now)


def test_a_new_vps_gets_a_container_in_one_step() -> None:
    assert actions(a_vps(), None) == [Create()]


def test_what_was_created_is_started() -> None:
    vps = a_vps()
    created = a_container(vps, run=None, state=ContainerState.CREATED)
    assert actions(vps, created, known(vps)) == [Start("c1")]


def test_what_a_cut_short_create_left_gets_its_files_before_it_is_started() -> None:
    vps = a_vps()
    created = a_container(vps, run=None, state=ContainerState.CREATED)
    assert actions(vps, created) == [WriteFiles("c1"), Start("c1")]


def test_a_running_vps_is_left_in_peace() -> None:
    assert actions(a_vps(), a_container()) == []


def test_a_stopped_vps_keeps_its_container() -> None:
    stop = Stop("c1", 10.0, why="the VPS is declared Stopped")
    assert actions(a_vps(run_state=STOPPED), a_container()) == [stop]
    assert actions(a_vps(run_state=STOPPED), exited()) == []


def test_a_stopped_vps_without_a_container_gets_none() -> None:
    assert actions(a_vps(run_state=STOPPED), None) == []


@pytest.mark.parametrize("container", [None, exited()])
def test_nothing_starts_without_a_grant(container: Container | None) -> None:
    assert actions(a_vps(limits=None), container) == []


def test_what_somebody_started_without_a_grant_is_stopped() -> None:
    vps = a_vps(limits=None)
    assert actions(vps, a_container(limits=None)) == [
        Stop("c1", 10.0, why="its cores and memory are released")
    ]


def test_a_deleted_vps_is_stopped_removed_and_finished() -> None:
    vps = a_vps(deleting=True)
    why = "the VPS was deleted"
    assert actions(vps, a_container()) == [Stop("c1", 10.0, why=why), Remove("c1", why=why), Finish()]


@pytest.mark.fault(21)
def test_a_vps_deleted_before_it_had_a_container_is_finished_at_once() -> None:
    vps = a_vps(deleting=True)
    pulling = known(vps, image=ImageView(ImageState.PULLING))
    assert actions(vps, None, pulling) == [Finish()]


@pytest.mark.fault(8)
@pytest.mark.parametrize("deleting", [False, True])
def test_a_container_of_another_placement_is_left_alone(deleting: bool) -> None:
    earlier = a_container(a_vps(epoch=1))
    assert actions(a_vps(epoch=2, deleting=deleting), earlier) == []


@pytest.mark.fault(8)
def test_a_container_of_a_namesake_is_left_alone() -> None:
    earlier = a_container(a_vps(uid="uid-of-an-earlier-dev"))
    assert actions(a_vps(deleting=True), earlier) == []


@pytest.mark.fault(16)
def test_a_container_removed_by_hand_comes_back_and_says_what_was_lost() -> None:
    vps = a_vps()
    memory = after(vps, a_container(), known(vps))
    create, told = actions(vps, None, memory)
    assert create == Create(lost="c1")
    assert isinstance(told, Tell) and told.reason == "FilesystemLost" and told.type == "Warning"


@pytest.mark.fault(16)
def test_a_container_paused_by_hand_goes_on_and_says_so() -> None:
    vps = a_vps()
    memory = after(vps, a_container(), known(vps))
    unpause, told = actions(vps, a_container(state=ContainerState.PAUSED), memory)
    assert isinstance(unpause, Unpause)
    assert isinstance(told, Tell) and told.reason == "PausedOutside"


def test_pausing_and_resuming_as_declared_tells_nobody() -> None:
    vps, frozen = a_vps(run_state=PAUSED), a_container(state=ContainerState.PAUSED)
    running = after(vps, a_container(), known(vps))
    assert list(judged(vps, a_container(), running).actions) == [
        Pause("c1", why="the VPS is declared Paused")
    ]
    memory = after(vps, frozen, running)
    assert list(judged(vps, frozen, memory).actions) == []
    assert actions(a_vps(), frozen, memory) == [Unpause("c1", why="the VPS is declared Running")]


def test_a_stopped_vps_declared_paused_is_started_and_then_paused() -> None:
    vps = a_vps(run_state=STOPPED)
    memory = after(vps, exited(vps, code=0), after(vps, a_container(), known(vps)))
    assert actions(a_vps(run_state=PAUSED), exited(vps, code=0), memory) == [Start("c1")]


def test_a_paused_vps_that_was_ended_stays_ended_because_its_memory_is_lost() -> None:
    vps = a_vps(run_state=PAUSED)
    memory = after(vps, a_container(state=ContainerState.PAUSED), known(vps))
    lost = exited(vps, code=137)
    assert actions(vps, lost, memory) == []
    assert verdict(a_vps(), lost, after(vps, lost, memory)).again == NOON + 1


@pytest.mark.fault(17)
def test_a_crash_is_waited_out_and_started_again() -> None:
    vps = a_vps()
    memory = after(vps, a_container(), known(vps))
    waiting = verdict(vps, exited(vps), memory)
    assert (waiting.actions, waiting.again, waiting.state) == ((), NOON + 1, ObservedState.BACKOFF)
    backing_off = after(vps, exited(vps), memory)
    assert actions(vps, exited(vps), backing_off, NOON + 1) == [Start("c1")]


@pytest.mark.fault(17)
def test_a_crash_loop_waits_longer_each_time() -> None:
    vps, memory, now = a_vps(), known(a_vps()), NOON
    waits = []
    for minute in range(5):
        run = f"2026-01-01T00:0{minute}:00.000000Z"
        memory = learn(memory, vps, a_container(run=run), now)
        memory = learn(memory, vps, exited(run=run), now)
        assert memory.exit is not None
        waits.append(memory.exit.retry_at - now)
        now = memory.exit.retry_at
    assert waits == [1, 2, 4, 8, 16]
    assert memory.restarts == 4


def test_ten_minutes_of_running_forgive_earlier_crashes() -> None:
    vps = a_vps()
    memory = known(vps, failures=5)
    memory = learn(memory, vps, a_container(), NOON)
    memory = learn(memory, vps, a_container(), NOON + 600)
    memory = learn(memory, vps, exited(), NOON + 601)
    assert memory.failures == 1


@pytest.mark.parametrize("policy", [RestartPolicy.NEVER, RestartPolicy.ON_FAILURE])
def test_what_the_policy_leaves_ended_stays_ended(policy: RestartPolicy) -> None:
    vps = a_vps(restart_policy=policy)
    memory = after(vps, a_container(), known(vps))
    assert actions(vps, exited(code=0), memory, NOON + 100) == []


def test_what_the_policy_left_ended_runs_again_after_a_stop_and_a_start() -> None:
    vps = a_vps(restart_policy=RestartPolicy.NEVER)
    memory = after(vps, exited(), after(vps, a_container(), known(vps)))
    memory = after(dataclasses.replace(vps, run_state=STOPPED), exited(), memory)
    assert actions(vps, exited(), memory) == [Start("c1")]


def test_a_start_after_a_stop_does_not_back_off() -> None:
    stopped = a_vps(run_state=STOPPED)
    memory = after(stopped, a_container(), known(stopped))
    memory = after(stopped, exited(code=143), memory)
    assert actions(a_vps(), exited(code=143), memory) == [Start("c1")]


@pytest.mark.fault(13)
@pytest.mark.parametrize("policy", list(RestartPolicy))
def test_what_ended_with_the_engine_starts_again_at_once_whatever_the_policy(policy: RestartPolicy) -> None:
    vps = a_vps(restart_policy=policy)
    memory = engine_lost(after(vps, a_container(), known(vps)), NOON)
    assert actions(vps, exited(code=255), memory, NOON + 5) == [Start("c1")]


@pytest.mark.fault(13)
def test_what_ended_just_before_the_engine_went_away_was_ended_by_it() -> None:
    vps = a_vps(restart_policy=RestartPolicy.NEVER)
    memory = after(vps, exited(code=0), after(vps, a_container(), known(vps)))
    memory = engine_lost(memory, NOON + 2)
    assert memory.failures == 0
    assert actions(vps, exited(code=0), memory, NOON + 3) == [Start("c1")]


def test_a_restart_request_stops_and_starts_once() -> None:
    vps = a_vps(restart_request="now")
    memory = known(a_vps(), a_container(), container_id="c1", run=FIRST_RUN)
    memory = after(vps, a_container(), memory)
    assert list(judged(vps, a_container(), memory).actions) == [
        Stop("c1", 10.0, why="a restart was requested")
    ]
    memory = after(vps, exited(code=143), memory)
    assert list(judged(vps, exited(code=143), memory).actions) == [Start("c1")]
    again = a_container(run=SECOND_RUN)
    memory = after(vps, again, memory)
    assert list(judged(vps, again, memory).actions) == []
    assert memory.durable.handled_request == "now" and memory.restarts == 1


def test_a_restart_cut_short_by_a_crash_of_the_agent_is_not_done_twice() -> None:
    vps = a_vps(restart_request="now")
    durable = dataclasses.replace(known(vps).durable, handled_request="", restart=Restart("now", FIRST_RUN))
    again = a_container(run=SECOND_RUN)
    memory = after(vps, again, known(vps, again, durable=durable))
    assert list(judged(vps, again, memory).actions) == []
    assert memory.durable.handled_request == "now"


def test_a_restart_request_ends_a_backoff() -> None:
    vps = a_vps()
    memory = after(vps, exited(), after(vps, a_container(), known(vps)))
    assert actions(a_vps(restart_request="now"), exited(), memory) == [Start("c1")]


def test_a_restart_request_of_a_vps_being_created_is_no_restart() -> None:
    vps = a_vps(restart_request="from the beginning")
    assert actions(vps, a_container(vps), known(vps)) == []


def test_a_restart_request_on_a_stopped_vps_is_done_by_its_next_start() -> None:
    vps = a_vps(run_state=STOPPED, restart_request="now")
    memory = after(vps, exited(), known(a_vps(), exited()))
    assert memory.durable.handled_request == "now" and memory.durable.restart is None


def test_a_changed_grant_is_applied_to_what_runs() -> None:
    more = Limits(millicores=2000, memory=2 << 30)
    assert actions(a_vps(limits=more), a_container()) == [Update("c1", more)]


def test_one_whose_cores_have_no_weight_gets_it_in_place_and_once() -> None:
    vps, container = a_vps(), a_container()
    assert vps.limits is not None
    before = dataclasses.replace(container, limits=dataclasses.replace(vps.limits, is_weighed=False))
    assert actions(vps, before) == [Update("c1", vps.limits)]
    assert actions(vps, container) == []


def test_a_changed_image_leaves_the_container_as_it_is() -> None:
    assert actions(a_vps(image="another"), a_container()) == []


def test_changed_keys_are_written_into_what_runs() -> None:
    vps = a_vps(login=Login(keys=("ssh-ed25519 A a",)))
    changed = dataclasses.replace(vps, login=Login(keys=("ssh-ed25519 B b",)))
    memory = known(vps, a_container(vps), ssh=SSHView(FIRST_RUN, "ready"), run=FIRST_RUN, container_id="c1")
    assert actions(changed, a_container(vps), memory) == [WriteFiles("c1")]


def test_ssh_is_probed_once_in_each_run() -> None:
    vps = a_vps(login=Login())
    assert verdict(vps, a_container(vps)).probe == FIRST_RUN
    ready = known(vps, a_container(vps), ssh=SSHView(FIRST_RUN, "ready"))
    assert verdict(vps, a_container(vps), ready).probe is None
    assert verdict(vps, a_container(vps, run=SECOND_RUN), ready).probe == SECOND_RUN


@pytest.mark.fault(19)
def test_an_image_that_failed_is_waited_for_and_tried_again() -> None:
    vps = a_vps()
    failed = ImageView(ImageState.FAILED, "refused", retry_at=NOON + 4)
    waiting = verdict(vps, None, known(vps, image=failed))
    assert (waiting.actions, waiting.again, waiting.message) == ((), NOON + 4, "refused")
    assert actions(vps, None, known(vps, image=failed), NOON + 4) == [PullImage(vps.image)]


def test_what_is_made_anew_from_its_own_files_is_not_said_to_wait_for_an_image_that_it_does_not_need() -> (
    None
):
    vps = a_vps()
    note = Recreation("c0", FIRST_RUN, image="kohakuriver/commit-x:1", base=vps.image)
    memory = known(vps, durable=Durable(recreation=note), image=ImageView(ImageState.ABSENT))
    found = judged(vps, None, memory)
    assert (found.actions, found.state, found.reason) == ((MakeAnew(),), ObservedState.CREATING, "")


def test_what_begins_anew_at_its_owners_word_is_not_said_to_back_off() -> None:
    ended = exited(a_vps(), code=3)
    vps = a_vps(replace_files=1)
    last = Exit(FIRST_RUN, Cause.PROGRAM, NOON, NOON + 4)
    found = judged(vps, ended, known(vps, ended, failures=3, exit=last))
    assert (found.actions, found.state, found.reason) == (
        (SetAside("c1"),),
        ObservedState.CREATING,
        "Recreating",
    )


def test_trouble_is_waited_out_unless_something_else_is_asked() -> None:
    vps = a_vps()
    trouble = Trouble("EngineRefused", "no", failures=1, retry_at=NOON + 9, asked=(False, 1))
    memory = known(vps, trouble=trouble)
    waiting = verdict(vps, None, memory)
    assert (waiting.actions, waiting.again, waiting.message) == ((), NOON + 9, "no")
    assert actions(dataclasses.replace(vps, generation=2), None, memory) == [Create()]
    assert actions(dataclasses.replace(vps, deleting=True), None, memory) == [Finish()]


@pytest.mark.fault(58)
def test_what_is_to_run_is_not_said_to_be_stopped_where_nobody_knows_why_it_ended() -> None:
    """The engine's events broke off between a look and a report, and its exit is judged anew."""
    vps = a_vps()
    ended = after(vps, exited(vps), known(vps, exited(vps), run=FIRST_RUN))
    forgotten = engine_lost(ended, NOON)
    assert (ended.exit is not None, forgotten.exit) == (True, None)
    assert judged(vps, exited(vps), forgotten).state is ObservedState.CREATING


@pytest.mark.fault(63)
@pytest.mark.parametrize("state", [ContainerState.CREATED, ContainerState.DEAD])
def test_a_start_without_an_answer_is_settled_where_none_is_to_follow(state: ContainerState) -> None:
    vps = a_vps()
    down = a_container(vps, state=state)
    hold = Hold("GPUMissing", "it is not there", failed=True)
    coming = known(vps, down, hold=hold, starting=Starting("c1", FIRST_RUN))
    assert [type(action) for action in actions(vps, down, coming)] == [Stop]


@pytest.mark.fault(18)
def test_a_container_stuck_in_removal_is_waited_for() -> None:
    vps = a_vps(deleting=True)
    waiting = verdict(vps, a_container(vps, state=ContainerState.REMOVING))
    assert (waiting.actions, waiting.again) == ((), NOON + 1)
