"""`vps start`: declare VPSes Running. One that its restart policy left ended is asked to start once more."""

import uuid
from typing import Any

from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import change, goals
from kohakuriver.cli.vps.change import IDs, Patience, Verb, WaitFor
from kohakuriver.resources import reasons
from kohakuriver.resources.view import VPS

EXAMPLES = """
kohakuriver vps start dev
kohakuriver vps start dev test --timeout 2m
"""


def start(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Start stopped VPSes again: same files, keys, host key and SSH port."""
    return change.carry_out(settings, ids, VERB, wait=wait, timeout=timeout)


def _spec(vps: Object) -> dict[str, Any]:
    reason = VPS.of(vps).reason
    ended = VPS.of(vps).word == "stopped" and VPS.of(vps).spec.run_state == "Running"
    if not ended:
        return {"runState": "Running"}
    if reason == reasons.NODE_DRAINED:
        node = VPS.of(vps).node
        raise goals.Hopeless(
            f"its node {node} is drained, and it starts by itself when the node is back in use",
            hint=f"kohakuriver node uncordon {node}",
        )
    return {"runState": "Running", "restartRequest": uuid.uuid4().hex}


VERB = Verb("start", "started", goals.restarted, _spec)
