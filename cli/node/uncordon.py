"""`node uncordon`: takes back what `cordon` and `drain` declared."""

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.node import change
from kohakuriver.cli.node.change import Nodes

EXAMPLES = """
kohakuriver node uncordon n1
kohakuriver node uncordon n1 n2
"""


def uncordon(settings: Settings, nodes: Nodes = None) -> int:
    """Take nodes back into use: new VPSes may go there, and those that a drain stopped start again."""
    spec = {"unschedulable": None, "drain": None}
    return change.declare(settings, nodes, spec, verb="uncordon", done="uncordoned")
