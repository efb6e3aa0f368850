"""`vps restart`: declare VPSes Running with a new restart request, which restarts each once."""

import uuid

from cli.settings import Settings
from cli.vps import change, goals
from cli.vps.change import IDs, Timeout, Verb, WaitFor

EXAMPLES = """
kohakuriver vps restart dev
kohakuriver vps restart dev test --no-wait
"""


def restart(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Timeout = "0") -> int:
    """Restart VPSes: same files, keys, host key and SSH port. Changes that waited for it take effect."""
    request = uuid.uuid4().hex
    spec = {"runState": "Running", "restartRequest": request}
    verb = Verb("restart", "restarted", goals.restarted, lambda vps: spec)
    return change.carry_out(settings, ids, verb, wait=wait, timeout=timeout)
