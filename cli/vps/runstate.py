"""`vps start`, `stop`, `pause`, `resume` and `restart`: what each declares, and what it waits for.

A restart is asked for by a new restart request, which is carried out once. With --replace-files it has a
higher `replaceFiles` too: the owner's word that the files may go, which is heard once. They are kept a while.
"""

import uuid
from typing import Annotated, Any

import typer

from kohakuriver.cli import failures
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import change, goals, keeping
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
kohakuriver vps restart dev --replace-files --keep-for 24h
""",
}

ReplaceFiles = Annotated[
    bool,
    typer.Option(
        "--replace-files",
        help="With new files, but for volumes and mounts: each begins anew from the image it names now.",
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
    keep_for: keeping.KeepFor = None,
    discard: keeping.Discard = False,
    wait: WaitFor = True,
    timeout: Patience = None,
) -> int:
    """Restart VPSes: same files, keys, host key and SSH port. Changes that waited for it take effect.

    A changed image does not: a VPS stays on the one that its files began from, until --replace-files. What is
    there then is kept first, as a snapshot: `vps restore ID --undo` brings it back.
    """
    if not replace_files:
        option = "--discard" if discard else "--keep-for" if keep_for is not None else ""
        if option:
            raise failures.UsageError(
                f"{option} is about files that are replaced, and a restart keeps them",
                hint="with new files: kohakuriver vps restart ID --replace-files",
            )
        return change.carry_out(settings, ids, RESTART, wait=wait, timeout=timeout)
    kept = keeping.of_what_is_replaced(keep_for, discard=discard)
    return change.carry_out(settings, ids, _replacing(kept), wait=wait, timeout=timeout)


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


def _replacing(keep_for: str | None) -> Verb:
    """A restart with the files of its image; those there are kept for so long, as a Snapshot."""

    def spec(vps: Object) -> dict[str, Any]:
        word = keeping.next_word(vps)
        new = {"replaceFiles": word, "keepReplacedFiles": keep_for, "filesFrom": None}
        return {**_restarted(vps), **new}

    return Verb("restart", "restarted with new files", goals.replaced, spec, kept=keep_for is not None)


START = Verb("start", "started", goals.restarted, _started)
STOP = Verb("stop", "stopped", goals.stopped, lambda vps: {"runState": "Stopped"})
PAUSE = Verb("pause", "paused", goals.paused, _paused, then="is paused")
RESUME = Verb("resume", "resumed", goals.running, _resumed)
RESTART = Verb("restart", "restarted", goals.restarted, _restarted)
