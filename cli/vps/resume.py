"""`vps resume`: declare paused VPSes Running."""

from typing import Any

from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import change, goals
from kohakuriver.cli.vps.change import IDs, Patience, Verb, WaitFor
from kohakuriver.resources.view import VPS

EXAMPLES = """
kohakuriver vps resume dev
kohakuriver vps resume dev test
"""


def resume(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Let paused VPSes go on where they were."""
    return change.carry_out(settings, ids, VERB, wait=wait, timeout=timeout)


def _spec(vps: Object) -> dict[str, Any]:
    if VPS.of(vps).spec.run_state == "Stopped":
        name = vps["metadata"]["name"]
        raise goals.Hopeless("it is stopped, not paused", hint=f"kohakuriver vps start {name}")
    return {"runState": "Running"}


VERB = Verb("resume", "resumed", goals.running, _spec)
