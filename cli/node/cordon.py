"""`node cordon`: no new VPS is placed on a node; and `uncordon`, which takes back that and a drain."""

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.node import change
from kohakuriver.cli.node.change import Nodes

EXAMPLES = {
    "cordon": """
kohakuriver node cordon n1
kohakuriver node cordon n1 n2
""",
    "uncordon": """
kohakuriver node uncordon n1
kohakuriver node uncordon n1 n2
""",
}


def cordon(settings: Settings, nodes: Nodes = None) -> int:
    """Keep new VPSes off nodes. What runs there goes on."""
    return change.declare(settings, nodes, {"unschedulable": True}, verb="cordon", done="cordoned")


def uncordon(settings: Settings, nodes: Nodes = None) -> int:
    """Take nodes back into use: new VPSes may go there, and those that a drain stopped start again."""
    spec = {"unschedulable": None, "drain": None}
    return change.declare(settings, nodes, spec, verb="uncordon", done="uncordoned")
