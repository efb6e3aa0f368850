"""What follows from a drain, a refusal, a hold, other cores, ports and GPUs."""

import dataclasses
from typing import Any

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.actions import (
    Action,
    Create,
    Finish,
    Reject,
    Remove,
    RemoveVolumes,
    Start,
    Stop,
    Update,
)
from kohakuriver.agent.deciding.desired import Around, Desired, Refusal, Volume
from kohakuriver.agent.deciding.judge import Verdict
from kohakuriver.agent.deciding.memory import Hold, Memory
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.deciding.status import observed_status
from kohakuriver.agent.runtime.base import Container, ContainerState, Limits, PortBinding
from kohakuriver.resources.vps import ObservedState, RunState
from tests.agent.builders import LIMITS, NOON, a_container, a_vps, exited, judged, known, learn

DRAINED = Around(drained=True)
REFUSED = Around(refusal=Refusal("MountNotAllowed", "n1 does not allow it: --allow-mount /data"))
HELD = Hold("WaitingForCores", "waiting until default/a has left cores 0-1")


def verdict(vps: Desired, container: Container | None, **known_: object) -> Verdict:
    memory = dataclasses.replace(known(vps, container), **known_)  # type: ignore[arg-type]
    return judged(vps, container, learn(memory, vps, container, NOON))


def actions(vps: Desired, container: Container | None, **known_: object) -> list[Action]:
    return list(verdict(vps, container, **known_).actions)


def seen(vps: Desired, container: Container, memory: Memory) -> dict[str, Any]:
    """What the API is told of it."""
    it = Situation(vps, container, memory, NOON)
    return observed_status(it, judged(vps, container, memory), session="s")


def created(vps: Desired, **changes: object) -> Container:
    return a_container(vps, run=None, state=ContainerState.CREATED, **changes)


def logged_in(vps: Desired, container: Container) -> Memory:
    memory = known(vps, container)
    durable = dataclasses.replace(memory.durable, login=labels.login_hash(vps))
    return dataclasses.replace(memory, durable=durable)


def test_on_a_drained_node_nothing_runs_and_nothing_is_made() -> None:
    vps = a_vps(around=DRAINED)
    assert actions(vps, a_container(vps)) == [Stop("c1", 10.0, why="its node is drained")]
    assert actions(vps, None) == []
    assert actions(vps, exited(vps)) == []


def test_what_has_more_on_the_disk_than_it_may_is_stopped_soon_and_stays_so() -> None:
    vps = a_vps(around=Around(over_disk="its files take 12Gi"), stop_grace=86_400.0)
    assert actions(vps, a_container(vps)) == [Stop("c1", 10.0, why="its files take 12Gi")]
    assert actions(vps, None) == []
    assert actions(vps, exited(vps)) == []
    ended = exited(vps)
    said = judged(vps, ended, learn(known(vps, ended), vps, ended, NOON))
    assert said == Verdict(ObservedState.STOPPED, "DiskLimitExceeded", "its files take 12Gi")
    declared = dataclasses.replace(vps, run_state=RunState.STOPPED)
    assert judged(declared, ended, known(declared, ended)).reason == "Stopped"


def test_a_drain_is_said_only_once_it_is_stopped() -> None:
    vps = a_vps(around=DRAINED)
    assert judged(vps, a_container(vps), Memory()).state is ObservedState.RUNNING
    ended = exited(vps)
    said = judged(vps, ended, learn(known(vps, ended), vps, ended, NOON))
    assert (said.state, said.reason) == (ObservedState.STOPPED, "NodeDrained")
    declared = a_vps(around=DRAINED, run_state=RunState.STOPPED)
    assert judged(declared, ended, known(declared, ended)).reason == "Stopped"


def test_a_deleted_vps_goes_from_a_drained_node_too() -> None:
    assert isinstance(actions(a_vps(around=DRAINED, deleting=True), None)[-1], Finish)


def test_what_the_node_refuses_is_rejected_before_it_is_made_and_not_started_after() -> None:
    vps = a_vps(around=REFUSED)
    assert actions(vps, None) == [Reject("MountNotAllowed", "n1 does not allow it: --allow-mount /data")]
    assert actions(vps, created(vps)) == []
    assert actions(vps, a_container(vps)) == []  # what runs was allowed when it started
    ended = exited(vps)
    said = judged(vps, ended, learn(known(vps, ended), vps, ended, NOON))
    assert said.state is ObservedState.FAILED and "--allow-mount" in said.message


def test_a_vps_waits_for_its_cores_before_it_is_started() -> None:
    vps = a_vps(exclusive=True, limits=dataclasses.replace(LIMITS, cpuset="0-1"))
    waiting = verdict(vps, created(vps), hold=HELD)
    assert (waiting.actions, waiting.again) == ((), NOON + 0.5)
    assert isinstance(actions(vps, created(vps))[-1], Start)
    said = judged(vps, created(vps), Memory(hold=HELD))
    assert (said.state, said.reason) == (ObservedState.CREATING, "WaitingForCores")


def test_a_running_vps_moves_to_cores_of_its_own_only_once_they_are_free() -> None:
    vps = a_vps(exclusive=True, limits=dataclasses.replace(LIMITS, cpuset="0-1"))
    shared = a_container(vps, limits=dataclasses.replace(LIMITS, cpuset="2-3"))
    waiting = verdict(vps, shared, hold=HELD)
    assert (waiting.actions, waiting.again) == ((), NOON + 0.5)
    assert actions(vps, shared) == [Update("c1", Limits(LIMITS.millicores, LIMITS.memory, "0-1"))]


def test_no_set_of_cores_is_the_same_as_all_of_them() -> None:
    vps = a_vps(limits=dataclasses.replace(LIMITS, cpuset="0-3"), around=Around(machine="0-3"))
    assert actions(vps, a_container(vps, limits=LIMITS)) == []
    narrowed = a_container(vps, limits=dataclasses.replace(LIMITS, cpuset="0-1"))
    assert actions(vps, narrowed) == [Update("c1", Limits(LIMITS.millicores, LIMITS.memory, "0-3"))]


def test_a_container_that_never_ran_is_made_again_for_another_port() -> None:
    vps = a_vps(login=a_vps().login, ssh_port=30001)
    old = created(a_vps(ssh_port=30000), ports=(PortBinding(22, "127.0.0.1", 30000),))
    (action,) = actions(vps, old)
    assert isinstance(action, Remove)
    assert isinstance(actions(vps, None)[0], Create)


def test_a_container_with_files_is_not_started_with_gpus_that_are_not_granted() -> None:
    vps = a_vps(gpus=("GPU-b",))
    ended = exited(a_vps(gpus=("GPU-a",)))
    assert not any(isinstance(action, Start) for action in actions(vps, ended))


def test_the_gpus_that_a_container_holds_are_named_until_it_is_made_anew() -> None:
    vps = a_vps(gpus=("GPU-b",))
    container = a_container(a_vps(gpus=("GPU-a",)))
    assert seen(vps, container, known(vps, container))["grant"]["gpus"] == ["GPU-a"]


def test_cores_are_named_only_while_they_are_its_own() -> None:
    limits = dataclasses.replace(LIMITS, cpuset="2-3")
    alone = a_vps(exclusive=True, limits=limits, around=Around(held="2-3"))
    assert seen(alone, a_container(alone), Memory())["grant"]["cpuset"] == "2-3"
    shared = dataclasses.replace(LIMITS, cpuset="0-3")
    leaving = dataclasses.replace(alone, exclusive=False, limits=shared)
    assert seen(leaving, a_container(alone), Memory())["grant"]["cpuset"] == "2-3"
    assert "cpuset" not in seen(leaving, a_container(leaving), Memory())["grant"]
    share = dataclasses.replace(leaving, around=Around())
    assert "cpuset" not in seen(share, a_container(alone), Memory())["grant"]


def test_only_volumes_that_are_not_to_be_kept_go_with_their_vps() -> None:
    volumes = (Volume("home", "/root"), Volume("cache", "/cache", kept=False))
    gone = actions(a_vps(deleting=True, volumes=volumes), None)
    assert [one.names for one in gone if isinstance(one, RemoveVolumes)] == [("cache",)]
    assert isinstance(gone[-1], Finish)
