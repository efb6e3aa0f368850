"""`vps stop`: declare VPSes Stopped. Their files, node, keys and SSH port are kept; the rest is freed."""

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps import change, goals
from kohakuriver.cli.vps.change import IDs, Patience, Verb, WaitFor

EXAMPLES = """
kohakuriver vps stop dev
kohakuriver vps stop dev test --no-wait
"""

VERB = Verb("stop", "stopped", goals.stopped, lambda vps: {"runState": "Stopped"})


def stop(settings: Settings, ids: IDs = None, wait: WaitFor = True, timeout: Patience = None) -> int:
    """Stop VPSes. Their files, node, keys and SSH port are kept; cores, memory and GPUs are freed."""
    return change.carry_out(settings, ids, VERB, wait=wait, timeout=timeout)
