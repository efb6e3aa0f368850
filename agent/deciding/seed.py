"""The first memory of a VPS: from the journal, from what was last reported, and from its container. Pure.

Used once per VPS and agent process. What was reported may be older than what is so; the journal never is.
"""

import dataclasses
from typing import Any

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Cause, Durable, Exit, Memory, SSHView, Starting, run_of
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources.vps import ObservedState, RunState

_UP = frozenset({ObservedState.RUNNING, ObservedState.STARTING, ObservedState.PAUSED})
_BY_SIGNAL = 128  # exit codes from here on say that a signal ended the process


def seed(
    desired: Desired,
    observed: Container | None,
    *,
    reported: dict[str, Any],
    durable: Durable | None,
    rebooted: bool,
    now: float,
) -> Memory:
    """What to begin with. `reported` is status.observed as the API has it."""
    if observed is not None and not labels.is_for(observed, desired):
        observed = None
    if reported.get("epoch") != desired.epoch:
        reported = {}
    was = reported.get("container") or {}
    memory = Memory(
        durable=durable or _durable(desired, observed, reported),
        container_id=was.get("id"),
        run=was.get("startedAt"),
        restarts=int(was.get("restarts") or 0),
        was_paused=reported.get("state") == ObservedState.PAUSED,
        paused_run=was.get("startedAt") if _is_frozen(desired, reported) else None,
        ssh=_ssh(reported, was.get("startedAt")),
        host_key=(reported.get("ssh") or {}).get("hostKey") or "",
        base=was.get("image") or "",
    )
    if observed is not None and not observed.is_up and not rebooted:
        # An earlier agent may have asked the engine for a start that has not come through yet.
        memory = dataclasses.replace(memory, starting=Starting(observed.id, run_of(observed)))
    if was.get("id") and observed is not None and observed.id != was.get("id"):
        memory = dataclasses.replace(memory, container_id=observed.id, run=None, restarts=0, was_paused=False)
    return _ended_unseen(memory, desired, observed, reported=reported, rebooted=rebooted, now=now)


def _durable(desired: Desired, observed: Container | None, reported: dict[str, Any]) -> Durable:
    """What the journal would say, for a VPS without an entry in it."""
    handled = reported.get("restartRequest")
    if handled is None and observed is not None:
        handled = observed.labels.get(labels.RESTART_REQUEST)
    login = observed.labels.get(labels.LOGIN) if observed is not None else None
    if observed is not None and observed.state is ContainerState.CREATED:
        login = None  # its create may have been cut short before the files were in
    heard = int(reported.get("replaceFiles") or 0)
    return Durable(
        handled_request=desired.restart_request if handled is None else handled,
        login=login,
        passed_over=heard if observed is not None and heard > labels.word(observed) else 0,
    )


def _is_frozen(desired: Desired, reported: dict[str, Any]) -> bool:
    return reported.get("state") == ObservedState.PAUSED or desired.run_state is RunState.PAUSED


def _ssh(reported: dict[str, Any], run: str | None) -> SSHView | None:
    if run is None or (reported.get("ssh") or {}).get("state") != "ready":
        return None
    return SSHView(run, "ready")


def _ended_unseen(
    memory: Memory,
    desired: Desired,
    observed: Container | None,
    *,
    reported: dict[str, Any],
    rebooted: bool,
    now: float,
) -> Memory:
    """Judge an exit that happened while no agent looked.

    A boot ends everything that ran. Without a boot, a signal, or the end of the keep-alive, which never ends
    by itself, speaks for an engine that was stopped; any other exit is taken for the program's own.
    """
    if observed is None or observed.state is not ContainerState.EXITED:
        return memory
    run = run_of(observed)
    if run is None or reported.get("state") not in _UP or memory.durable.stopped_run == run:
        return _ended_before(memory, desired, run, reported=reported, now=now)
    code = observed.exit_code or 0
    killed = code >= _BY_SIGNAL and not observed.oom_killed
    if rebooted or killed or not desired.command:
        return dataclasses.replace(memory, interrupted_run=run)
    return memory


def _ended_before(
    memory: Memory, desired: Desired, run: str | None, *, reported: dict[str, Any], now: float
) -> Memory:
    """An exit that an earlier agent had reported keeps its cause: stopped as declared, or by itself."""
    if reported.get("state") != ObservedState.STOPPED or run != memory.run or run is None:
        return memory
    if reported.get("reason") in (None, "", "Stopped", "NodeDrained"):
        ended = Exit(run, Cause.DECLARED, at=now, retry_at=now)
        return dataclasses.replace(memory, exit=ended)
    return memory
