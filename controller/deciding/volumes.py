"""Which nodes keep volumes of a VPS that was deleted, so that one made again with its name finds its files.

A node says so in its status, and nothing proves it: it draws a VPS there, as far as the node has room, and
holds it back from no other node. Holds state, does no I/O.
"""

from typing import Any

Object = dict[str, Any]
Owner = tuple[str, str]  # the namespace and the name of a VPS


def listed_by(node: Object) -> frozenset[tuple[Owner, str]]:
    """The volumes in a Node's status, each with the VPS that it is for."""
    volumes = (node.get("status") or {}).get("volumes") or ()
    return frozenset(((one["namespace"], one["vps"]), one["name"]) for one in volumes)


def wanted_by(vps: Object) -> tuple[str, ...]:
    """The names of the volumes in a VPS's spec."""
    return tuple(volume["name"] for volume in vps["spec"].get("volumes") or ())


class KeptVolumes:
    """The volumes of all nodes, by the VPS they are for."""

    def __init__(self) -> None:
        self._of_node: dict[str, frozenset[tuple[Owner, str]]] = {}
        self._nodes: dict[Owner, dict[str, set[str]]] = {}  # for each: node -> names of volumes

    def set_node(self, name: str, node: Object | None) -> set[Owner]:
        """This Node is now so; None: it is gone. The VPSes that it keeps other volumes of than before."""
        held = listed_by(node or {})
        before = self._of_node.pop(name, frozenset())
        if held:
            self._of_node[name] = held
        for owner, volume in before - held:
            nodes = self._nodes[owner]
            nodes[name].discard(volume)
            if not nodes[name]:
                del nodes[name]
            if not nodes:
                del self._nodes[owner]
        for owner, volume in held - before:
            self._nodes.setdefault(owner, {}).setdefault(name, set()).add(volume)
        return {owner for owner, _ in before ^ held}

    def nodes_for(self, vps: Object) -> tuple[str, ...]:
        """The nodes that list any of the volumes that this VPS wants, those with the most of them first."""
        wanted = wanted_by(vps)
        if not wanted:
            return ()
        nodes = self._nodes.get((vps["metadata"]["namespace"], vps["metadata"]["name"]), {})
        found = [(-len(names.intersection(wanted)), node) for node, names in nodes.items()]
        return tuple(node for count, node in sorted(found) if count)
