"""Valid VPSes, containers and memories, so that a test mentions only what matters."""

import dataclasses
from typing import Any

from kohakuriver.agent.deciding import judge, labels
from kohakuriver.agent.deciding import learn as learning
from kohakuriver.agent.deciding.desired import Desired, Login
from kohakuriver.agent.deciding.judge import Verdict
from kohakuriver.agent.deciding.memory import Memory
from kohakuriver.agent.deciding.seed import seed
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.runtime.base import Container, ContainerState, Limits

NOON = 1000.0
CLUSTER = "cluster-1"
NODE = "n1"
LIMITS = Limits(millicores=1000, memory=1 << 30)
FIRST_RUN = "2026-01-01T00:00:00.000000Z"
SECOND_RUN = "2026-01-01T00:01:00.000000Z"


def a_vps(**changes: Any) -> Desired:
    """A VPS that is bound here, granted, declared Running, without SSH."""
    vps = Desired(
        namespace="default",
        name="dev",
        uid="uid-of-dev",
        epoch=1,
        image="kohakuriver/busybox",
        limits=LIMITS,
        login=Login(disabled=True),
        generation=1,
    )
    return dataclasses.replace(vps, **changes)


def a_container(vps: Desired | None = None, *, run: str | None = FIRST_RUN, **changes: Any) -> Container:
    """The container of that VPS, running."""
    vps = vps or a_vps()
    container = Container(
        id="c1",
        name=vps.container_name,
        image=vps.image,
        image_id="sha256:busybox",
        labels=labels.of(vps, cluster=CLUSTER, node=NODE),
        state=ContainerState.RUNNING,
        created_at=FIRST_RUN,
        started_at=run,
        limits=vps.limits,
    )
    return dataclasses.replace(container, **changes)


def exited(vps: Desired | None = None, *, code: int = 1, **changes: Any) -> Container:
    """Its container, ended."""
    return a_container(vps, state=ContainerState.EXITED, exit_code=code, **changes)


def known(vps: Desired, container: Container | None = None, **changes: Any) -> Memory:
    """What an agent knows that has met it, and of which no start is on its way."""
    memory = seed(vps, container, reported={}, durable=None, rebooted=False, now=NOON)
    memory = dataclasses.replace(memory, starting=None)
    if container is None:
        durable = dataclasses.replace(memory.durable, login=labels.login_hash(vps))
        memory = dataclasses.replace(memory, durable=durable)
    return dataclasses.replace(memory, **changes)


def learn(memory: Memory, vps: Desired, container: Container | None, now: float) -> Memory:
    """What is known after one more look."""
    return learning.learn(Situation(vps, container, memory, now))


def judged(
    vps: Desired, container: Container | None, memory: Memory | None = None, now: float = NOON
) -> Verdict:
    """What follows, and what is said."""
    return judge.judge(Situation(vps, container, memory or known(vps, container), now))
