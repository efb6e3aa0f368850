"""`vps start`, `stop`, `pause`, `resume` and `restart`: what each declares, and what it waits for.

A restart is asked for by a new restart request, which is carried out once. With --replace-files it has a
higher `replaceFiles` too: the owner's word that the files may go, which is heard once.
"""

import uuid
from typing import Annotated, Any

import typer

from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import change, goals
from kohakuriver.cli.vps.change import IDs, Patience, Verb, WaitFor
from kohakuriver.resources.view import VPS

EXAMPLES = {
    "start": """
kohakuriver vps start dev
kohakuriver vps start dev test --timeout 2m
""",
    "stop": """
kohakuriver vps stop dev
kohakuriver vps stop dev test --no-wait
""",
    "pause": """
kohakuriver vps pause dev
kohakuriver vps pause dev test
""",
    "resume": """
kohakuriver vps resume dev
kohakuriver vps resume dev test
""",
    "restart": """
kohakuriver vps restart dev
kohakuriver vps restart dev test --no-wait
kohakuriver vps restart dev --replace-files
""",
}

ReplaceFiles = Annotated[
    bool,
    typer.Option(
        "--replace-files",
        help="Give their files up, but for volumes and mounts: each begins anew from the image it names now.",
    ),
]


def start(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Start stopped VPSes again: same files, keys, host key and SSH port."""
    return change.carry_out(settings, ids, START, wait=wait, timeout=timeout)


def stop(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Stop VPSes. Their files, node, keys and SSH port are kept; cores, memory and GPUs are freed."""
    return change.carry_out(settings, ids, STOP, wait=wait, timeout=timeout)


def pause(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Freeze VPSes where they are. They keep their cores, memory, GPUs and port."""
    return change.carry_out(settings, ids, PAUSE, wait=wait, timeout=timeout)


def resume(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Let paused VPSes go on where they were."""
    return change.carry_out(settings, ids, RESUME, wait=wait, timeout=timeout)


def restart(
    settings: Settings,
    ids: IDs = None,
    replace_files: ReplaceFiles = False,
    wait: WaitFor = True,
    timeout: Patience = None,
) -> int:
    """Restart VPSes: same files, keys, host key and SSH port. Changes that waited for it take effect.

    A changed image does not: a VPS stays on the one that its files began from, until --replace-files.
    """
    return change.carry_out(settings, ids, REPLACE if replace_files else RESTART, wait=wait, timeout=timeout)


def _started(vps: Object) -> dict[str, Any]:
    """One that its restart policy left ended is asked to start once more."""
    found = VPS.of(vps)
    if found.word != "stopped" or found.spec.run_state != "Running":
        return {"runState": "Running"}
    if found.is_drained:
        raise goals.Hopeless(
            f"its node {found.node} is drained, and it starts by itself when the node is back in use",
            hint=f"kohakuriver node uncordon {found.node}",
        )
    return _restarted(vps)


def _paused(vps: Object) -> dict[str, Any]:
    found = VPS.of(vps)
    if found.spec.run_state == "Stopped":
        raise goals.Hopeless(
            "it is stopped, so there is nothing to pause", hint=f"kohakuriver vps start {found.name}"
        )
    return {"runState": "Paused"}


def _resumed(vps: Object) -> dict[str, Any]:
    found = VPS.of(vps)
    if found.spec.run_state == "Stopped":
        raise goals.Hopeless("it is stopped, not paused", hint=f"kohakuriver vps start {found.name}")
    return {"runState": "Running"}


def _restarted(vps: Object) -> dict[str, Any]:
    return {"runState": "Running", "restartRequest": uuid.uuid4().hex}


def _replaced(vps: Object) -> dict[str, Any]:
    """A higher number than was ever heard, so that it counts whatever was declared before."""
    found = VPS.of(vps)
    heard = max(found.spec.replace_files, found.observed.replace_files)
    return {**_restarted(vps), "replaceFiles": heard + 1}


START = Verb("start", "started", goals.restarted, _started)
STOP = Verb("stop", "stopped", goals.stopped, lambda vps: {"runState": "Stopped"})
PAUSE = Verb("pause", "paused", goals.paused, _paused, then="is paused")
RESUME = Verb("resume", "resumed", goals.running, _resumed)
RESTART = Verb("restart", "restarted", goals.restarted, _restarted)
REPLACE = Verb("restart", "restarted with new files", goals.replaced, _replaced)
