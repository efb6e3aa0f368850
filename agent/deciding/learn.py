"""How the agent's memory of one VPS is brought up to what is seen. Pure; runs before every judgement.

It compares what was known with what is there now, and settles whose doing an exit was, whether a restart
request has been carried out, and how long to back off.
"""

import dataclasses
from typing import Final

from kohakuriver.agent.deciding import labels, restart
from kohakuriver.agent.deciding.memory import Cause, Exit, Memory, Restart, Starting, heard, run_of
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources.vps import RunState

ENGINE_STOPS_WITHIN: Final = 20.0  # seconds an engine takes at most to end its containers before it goes away


def learn(it: Situation) -> Memory:
    """What is known after looking at the container once more."""
    there = (_container, _settled, _passed_over, _run, _filled, _exit, _requests, _marked, _login, _seen)
    lessons = (_trouble, *(there if it.mine is not None else (_gone, _requests)))
    for lesson in lessons:
        it = it.knowing(lesson(it))
    return it.memory


def overtaken(memory: Memory, start: Starting, found: Container | None, now: float) -> Memory:
    """The agent stopped what that start might bring up: a run that came of it, which may be judged already,
    was ended by the agent, whatever is declared by now."""
    run = run_of(found) if found is not None and not found.is_up else None
    if run is None or run == start.run:
        return memory
    durable = dataclasses.replace(memory.durable, stopped_run=run)
    last = memory.exit
    if last is None or last.run != run:
        return dataclasses.replace(memory, durable=durable)
    ended = dataclasses.replace(last, cause=Cause.DECLARED, retry_at=now)
    return dataclasses.replace(memory, durable=durable, exit=ended, failures=0)


def engine_lost(memory: Memory, now: float) -> Memory:
    """The engine is away: what ends meanwhile, or ended a moment ago, is not the program's doing."""
    ended = memory.exit
    if ended is not None and ended.cause is not Cause.DECLARED and now - ended.at < ENGINE_STOPS_WITHIN:
        # Judged anew when the engine is back.
        return dataclasses.replace(
            memory, exit=None, interrupted_run=ended.run, failures=max(0, memory.failures - 1)
        )
    return dataclasses.replace(memory, interrupted_run=memory.run) if memory.was_up else memory


def _trouble(it: Situation) -> Memory:
    """What failed is forgotten where something else is asked for now."""
    return dataclasses.replace(it.memory, trouble=it.trouble)


def _gone(it: Situation) -> Memory:
    """There is no container of this placement."""
    return dataclasses.replace(it.memory, exit=None, was_up=False, was_paused=False, starting=None)


def _container(it: Situation) -> Memory:
    """Nothing that was so of another container is so of this one."""
    if it.memory.container_id == it.container.id:
        return it.memory
    return dataclasses.replace(
        it.memory,
        container_id=it.container.id,
        run=None,
        running_since=None,
        restarts=0,
        exit=None,
        was_paused=False,
    )


def _settled(it: Situation) -> Memory:
    """A start that was asked for has come through once there is another run than before, or it is up."""
    asked_for = it.memory.starting
    if asked_for is None:
        return it.memory
    is_same = (asked_for.container, asked_for.run) == (it.container.id, it.run)
    return it.memory if is_same and not it.is_up else dataclasses.replace(it.memory, starting=None)


def _passed_over(it: Situation) -> Memory:
    """A word is for what there is when it is given: an Environment that somebody makes later does not bring
    it about."""
    word = it.desired.replace_files
    if not it.desired.around.no_image or word <= heard(it.memory, it.container):
        return it.memory
    return it.memory.noting(passed_over=word, passed_why="")


def _run(it: Situation) -> Memory:
    """Whether this is another run, and since when it is up."""
    memory, run = it.memory, it.run
    if run is None:
        return memory
    if memory.run != run:
        again = memory.run is not None
        memory = dataclasses.replace(
            memory,
            run=run,
            running_since=None,
            restarts=memory.restarts + again,
            exit=None,
            was_paused=False,
            touched_from_outside=memory.touched_from_outside and not it.is_up,
        )
    if not it.is_up:
        return memory
    since = it.now if memory.running_since is None else memory.running_since
    failures = 0 if it.now - since >= restart.FORGIVEN_AFTER else memory.failures
    return dataclasses.replace(
        memory, running_since=since, failures=failures, exit=None, interrupted_run=None
    )


def _filled(it: Situation) -> Memory:
    """What was in its volumes is not put back any more, whatever becomes of the container that has written
    into them since: it may be half gone already."""
    filling = it.filling
    if filling is None or filling.has_run or not it.has_run_filled:
        return it.memory
    return it.memory.noting(filling=dataclasses.replace(filling, has_run=True))


def _exit(it: Situation) -> Memory:
    """Whose doing the end of this run was."""
    memory, known = it.memory, it.memory.exit
    if it.state is not ContainerState.EXITED or memory.run is None:
        return memory
    if known is not None:
        if it.desired.run_state is not RunState.STOPPED or known.cause is Cause.DECLARED:
            return memory
        agreed = dataclasses.replace(known, cause=Cause.DECLARED, retry_at=it.now)
        return dataclasses.replace(memory.noting(stopped_run=memory.run), exit=agreed, failures=0)
    cause = _cause(memory, declared=it.desired.is_halted)
    failures = 0 if cause in (Cause.DECLARED, Cause.ENGINE) else memory.failures + 1
    wait = restart.delay(failures) if failures else 0.0
    ended = Exit(memory.run, cause, at=it.now, retry_at=it.now + wait)
    return dataclasses.replace(
        memory, exit=ended, failures=failures, touched_from_outside=False, interrupted_run=None
    )


def _cause(memory: Memory, *, declared: bool) -> Cause:
    if declared or memory.durable.stopped_run == memory.run:
        return Cause.DECLARED
    if memory.interrupted_run == memory.run:
        return Cause.ENGINE
    return Cause.OUTSIDE if memory.touched_from_outside else Cause.PROGRAM


def _requests(it: Situation) -> Memory:
    """Take up a new restart request, and see whether the one taken up is done."""
    noted, request = it.memory.durable, it.desired.restart_request
    handled, pending = noted.handled_request, noted.restart
    current = it.run if it.mine is not None else None
    if pending is not None and current is not None and current != pending.run:
        handled, pending = pending.request, None
    if request == handled or it.desired.deleting:
        pending = None
    elif it.desired.is_halted:
        # The start that ends the stop is a start of its own: nothing is left to do.
        handled, pending = request, None
    elif pending is None or pending.request != request:
        pending = Restart(request, pending.run if pending is not None else current)
    return it.memory.noting(handled_request=handled, restart=pending)


def _marked(it: Situation) -> Memory:
    """Note which run is about to be ended or frozen, before anything is done to it."""
    memory, desired = it.memory, it.desired
    if not it.is_up:
        return memory
    restarting = it.restarts or it.replaces_files
    stopped = memory.run if desired.deleting or not desired.wants_up or restarting else None
    frozen = memory.run if desired.run_state is RunState.PAUSED else None
    return dataclasses.replace(
        memory.noting(stopped_run=stopped),
        paused_run=frozen if it.state is ContainerState.RUNNING or it.is_held_still else memory.paused_run,
    )


def _login(it: Situation) -> Memory:
    """Other login files are about to be written: from before that until it is answered, nobody knows which
    of them the container holds, also where the old ones are declared again."""
    return it.memory.noting(login=None) if it.needs_login else it.memory


def _seen(it: Situation) -> Memory:
    """How the container was when it was last seen. What was frozen when it ended has lost its memory."""
    memory = it.memory
    lost = memory.was_paused and it.state is ContainerState.EXITED
    return dataclasses.replace(
        memory,
        name=it.container.name,
        base=labels.image_of(it.container),
        was_up=it.is_up,
        was_paused=it.state is ContainerState.PAUSED or lost,
    )
