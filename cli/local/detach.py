"""`up --detach`: the same `up` in the background, watched until the node is ready or something fails."""

import os
import subprocess
import time
from pathlib import Path

from kohakuriver import errors
from kohakuriver.cli import programs, screen
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.local import logfiles, run_state
from kohakuriver.cli.local.cluster_files import ClusterFiles

VARIABLE = "KOHAKURIVER_DETACHED"  # set for the `up` in the background
POLL = 0.1
TAIL = 15  # lines of a log that are shown when something failed
HOPELESS = 3  # deaths of one program before the first success


class FailedToStart(errors.KohakuRiverError):
    """The cluster did not come up; it was stopped again."""


def run(files: ClusterFiles, *, timeout: float) -> int:
    """Start it, relay what it says, return its pid when it is ready. Raises FailedToStart."""
    log = files.log("up")
    sizes = {one.name: one.stat().st_size for one in files.logs.glob("*.log")}
    offset = sizes.get(log.name, 0)
    with logfiles.opened(log) as output:
        child = subprocess.Popen(
            programs.command("cli", ["up", "--data-dir", str(files.root)]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            env={**os.environ, "NO_COLOR": "1", VARIABLE: "1"},
        )
    deadline = Deadline(timeout)
    try:
        while True:
            offset = _relay(log, offset)
            state = run_state.read(files.run)
            mine = state is not None and state.supervisor.pid == child.pid
            if state is not None and mine and state.ready:
                _relay(log, offset)
                return child.pid
            problem, culprit = _problem(child, state if mine else None, deadline, timeout)
            if problem:
                _stop(child)
                _show(files.log(culprit), sizes)
                raise FailedToStart(problem, hint=f"nothing is left running; the logs are in {files.logs}")
            time.sleep(POLL)
    except KeyboardInterrupt:
        screen.note("stopping what was started")
        _stop(child)
        raise


def until_ready(files: ClusterFiles, *, timeout: float) -> run_state.RunState | None:
    """Wait for a cluster that somebody else has started; what is known of it. Raises FailedToStart."""
    deadline = Deadline(timeout)
    while True:
        state = run_state.read(files.run)
        if state is not None and state.ready:
            return state
        if deadline.passed:
            raise FailedToStart(
                f"the cluster in {files.root} runs, but is not ready after {timeout:g} s",
                hint=f"the logs in {files.logs} tell why; stop it: kohakuriver down",
            )
        time.sleep(POLL)


def _problem(
    child: "subprocess.Popen[bytes]", state: run_state.RunState | None, deadline: Deadline, timeout: float
) -> tuple[str, str]:
    """Why there is no point in waiting on, and whose log tells more; empty while there is."""
    if child.poll() is not None:
        return f"kohakuriver up ended with code {child.returncode} in the background", "up"
    for name, deaths in (state.deaths if state else {}).items():
        if deaths >= HOPELESS:
            return f"{name} ended {deaths} times", name
    if deadline.passed:
        return f"the cluster is not ready after {timeout:g} s", _last_started(state)
    return "", ""


def _last_started(state: run_state.RunState | None) -> str:
    """What is waited for is the program that was started last."""
    started = [name for name in run_state.STOPPING_ORDER if state and name in state.programs]
    return started[0] if started else "up"


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _relay(log: Path, offset: int) -> int:
    """Show what was written since, as whole lines; how far that went."""
    with log.open("rb") as file:
        file.seek(offset)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        screen.note(line)
    return offset + len(whole)


def _show(log: Path, sizes: dict[str, int]) -> None:
    """The end of a log, as far as it was written since we began."""
    if not log.exists() or log.name == "up.log":
        return  # what `up` itself says was relayed
    lines = log.read_bytes()[sizes.get(log.name, 0) :].decode(errors="replace").splitlines()[-TAIL:]
    screen.note(f"the last lines of {log}:")
    for line in lines:
        screen.note(f"  {line}")
