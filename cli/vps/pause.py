"""`vps pause`: declare VPSes Paused. Nothing is freed."""

from typing import Any

from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import change, goals
from kohakuriver.cli.vps.change import IDs, Patience, Verb, WaitFor
from kohakuriver.resources.view import VPS

EXAMPLES = """
kohakuriver vps pause dev
kohakuriver vps pause dev test
"""


def pause(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Freeze VPSes where they are. They keep their cores, memory, GPUs and port."""
    return change.carry_out(settings, ids, VERB, wait=wait, timeout=timeout)


def _spec(vps: Object) -> dict[str, Any]:
    if VPS.of(vps).spec.run_state == "Stopped":
        name = vps["metadata"]["name"]
        raise goals.Hopeless(
            "it is stopped, so there is nothing to pause", hint=f"kohakuriver vps start {name}"
        )
    return {"runState": "Paused"}


VERB = Verb("pause", "paused", goals.paused, _spec, then="is paused")
