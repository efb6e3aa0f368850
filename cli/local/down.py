"""`down`: stop the cluster of a data directory; VPSes keep running. `--purge` removes it, VPSes too."""

import shlex
import subprocess
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, programs, screen
from kohakuriver.cli.local import cluster_options, engine, neighbours, run_state, service
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.flags import DataDir

EXAMPLES = """
kohakuriver down
kohakuriver down --data-dir /srv/river2
kohakuriver down --purge
"""
LABEL = "kohakuriver.io/cluster"  # on everything that an agent makes in an engine
GRACE = 50.0  # seconds for the supervisor to stop its four programs

Purge = Annotated[
    bool,
    typer.Option("--purge", help="Remove the cluster: its VPSes with their files, its data, its service."),
]
LeaveContainers = Annotated[
    bool,
    typer.Option(
        "--leave-containers",
        help="With --purge: ask no container engine, and leave what it may hold of this cluster.",
    ),
]


def down(data_dir: DataDir = None, purge: Purge = False, leave_containers: LeaveContainers = False) -> int:
    """Stop the cluster on this machine. VPSes keep running, and the next `up` finds them again."""
    files = ClusterFiles.at(data_dir)
    if leave_containers and not purge:
        raise failures.UsageError(
            "--leave-containers goes with --purge", hint="leave every container: kohakuriver down"
        )
    if not files.is_ours:
        if purge and files.remove_begun():
            screen.out(f"removed {files.root}, which held nothing but what a refused kohakuriver up had left")
            return 0
        if purge:
            raise errors.ConfigError(f"{files.root} holds no cluster", hint="name its folder with --data-dir")
        screen.out(f"nothing runs from {files.root}: there is no cluster in it")
        return 0
    stopped = _stop(files)
    if purge:
        _purge(files, leave_containers)
        return 0
    if stopped:
        screen.out("stopped; VPSes keep running, and kohakuriver up finds them again")
    else:
        screen.out(f"nothing runs from {files.root}")
    service.tell_outdated(files)
    return 0


def _stop(files: ClusterFiles) -> bool:
    """Stop what runs; whether anything did."""
    state = run_state.read(files.run)
    if state is None:
        return _wait_for_starting(files)
    running = state.supervisor.alive
    if running and state.unit:
        service.stop(state.unit)
    elif running:
        screen.note(f"stopping the cluster (pid {state.supervisor.pid})")
        state.supervisor.end(GRACE)
    survivors = state.survivors()
    for name, orphan in survivors:
        screen.note(f"ending {name} (pid {orphan.pid}), which was left behind")
        orphan.end(grace=10.0)
    files.run.unlink(missing_ok=True)
    return running or bool(survivors)


def _wait_for_starting(files: ClusterFiles) -> bool:
    """Nothing is on record; somebody who holds the lock has only just begun. Raises ConfigError."""
    with files.locked() as free:
        if free:
            return False
    raise errors.ConfigError(f"another command works on {files.root} right now", hint="try again in a moment")


def _purge(files: ClusterFiles, leave_containers: bool) -> None:
    """Remove the containers, then the service, then the files, so that it can be tried again after a failure.
    Raises ConfigError."""
    with files.locked() as free:
        if not free:
            raise errors.ConfigError(
                f"a cluster still runs from {files.root}", hint=f"try again in a moment: {_again(files)}"
            )
        _remove_containers(files, leave_containers)
        unit = service.Service.here(files)
        if unit.remove():
            screen.note(f"removed {unit.unit}")
        with neighbours.locked():
            neighbours.forget(files.root)
        left = files.remove()
    screen.out(f"removed the cluster in {files.root}")
    if left:
        screen.note(f"left there, as not ours: {', '.join(left)}")


def _remove_containers(files: ClusterFiles, leave: bool) -> None:
    cluster = files.cluster_id()
    if not cluster:
        return  # it never came up, so it has none
    if leave:
        screen.note(f"containers that an engine still holds are left: they have the label {LABEL}={cluster}")
        return
    options = cluster_options.load(files.options) or cluster_options.Options(node="")
    found = engine.ask(files, options)
    if found.problem and not found.used_before:
        screen.note(f"{found.problem}; this cluster never used an engine here, so there are no containers")
        return
    words = ["purge", "--cluster", cluster, *options.words("docker_host")]
    if subprocess.run(programs.command("agent", words), cwd="/").returncode != 0:
        raise errors.ConfigError(
            "the cluster's containers could not be removed, so its files were kept"
            + (f": {found.problem}" if found.problem else ""),
            hint=(
                f"{found.hint}; then {_again(files)}" if found.problem else f"see above; then {_again(files)}"
            )
            + f" again. Where that engine is gone for good: {_again(files)} --leave-containers",
        )


def _again(files: ClusterFiles) -> str:
    where = "" if files.is_default else f" --data-dir {shlex.quote(str(files.root))}"
    return f"kohakuriver down --purge{where}"
