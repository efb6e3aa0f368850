"""`vps restart`: declare VPSes Running with a new restart request, which restarts each once.

With --replace-files also with a higher `replaceFiles`: their owner's word that the files may go, heard once.
"""

import uuid
from typing import Annotated, Any

import typer

from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import change, goals
from kohakuriver.cli.vps.change import IDs, Patience, Verb, WaitFor
from kohakuriver.resources.view import VPS

EXAMPLES = """
kohakuriver vps restart dev
kohakuriver vps restart dev test --no-wait
kohakuriver vps restart dev --replace-files
"""

ReplaceFiles = Annotated[
    bool,
    typer.Option(
        "--replace-files",
        help="Give their files up, but for volumes and mounts: each begins anew from the image it names now.",
    ),
]


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
    verb = REPLACE if replace_files else VERB
    return change.carry_out(settings, ids, verb, wait=wait, timeout=timeout)


def _spec(vps: Object) -> dict[str, Any]:
    return {"runState": "Running", "restartRequest": uuid.uuid4().hex}


def _giving_files_up(vps: Object) -> dict[str, Any]:
    """A higher number than was ever heard, so that it counts whatever was declared before."""
    declared = (vps.get("spec") or {}).get("replaceFiles") or 0
    heard = VPS.of(vps).observed.replace_files
    return {**_spec(vps), "replaceFiles": max(declared, heard) + 1}


VERB = Verb("restart", "restarted", goals.restarted, _spec)
REPLACE = Verb("restart", "restarted with new files", goals.replaced, _giving_files_up)
