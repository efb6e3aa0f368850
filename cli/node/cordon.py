"""`node cordon`: no new VPS is placed on a node; what runs there goes on."""

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.node import change
from kohakuriver.cli.node.change import Nodes

EXAMPLES = """
kohakuriver node cordon n1
kohakuriver node cordon n1 n2
"""


def cordon(settings: Settings, nodes: Nodes = None) -> int:
    """Keep new VPSes off nodes. What runs there goes on."""
    return change.declare(settings, nodes, {"unschedulable": True}, verb="cordon", done="cordoned")
