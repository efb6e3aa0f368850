"""`node revoke`: a node's credential is good no more from now on; its VPSes stay as they are.

For a token that was stolen, or may have been. Does not ask: the machine gets in again with a new credential.
"""

from kohakuriver.cli import screen
from kohakuriver.cli.api import insist
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.node import change, lookup
from kohakuriver.cli.node.change import Nodes
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver node revoke n1
"""


def revoke(settings: Settings, nodes: Nodes = None) -> int:
    """End the credentials of nodes at once, also while somebody uses them. VPSes and their files stay.

    Every session and stream of these nodes ends; containers run on. The machine gets in again as
    `node join NODE` says.
    """
    api = settings.api()
    found, good = lookup.present(api, nodes, verb="revoke")
    for node in found:
        name = node["metadata"]["name"]
        insist.call(api, "POST", f"{api.path(kinds.NODE, name=name)}/revoke", body={})
        screen.out(f"{change.title(node)} revoked")
        screen.note(
            f"its containers run on, and {name} is NotReady in some seconds; to let that machine in again: "
            f"kohakuriver node join {name}"
        )
    return 0 if good else 1
