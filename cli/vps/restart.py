"""`vps restart`: declare VPSes Running with a new restart request, which restarts each once."""

import uuid
from typing import Any

from cli.http import Object
from cli.settings import Settings
from cli.vps import change, goals
from cli.vps.change import IDs, Timeout, Verb, WaitFor

EXAMPLES = """
kohakuriver vps restart dev
kohakuriver vps restart dev test --no-wait
"""


def restart(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Timeout = "0") -> int:
    """Restart VPSes: same files, keys, host key and SSH port. Changes that waited for it take effect."""
    return change.carry_out(settings, ids, VERB, wait=wait, timeout=timeout)


def _spec(vps: Object) -> dict[str, Any]:
    return {"runState": "Running", "restartRequest": uuid.uuid4().hex}


VERB = Verb("restart", "restarted", goals.restarted, _spec)
