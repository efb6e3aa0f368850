"""How a node stands, in the words that every table has: `NotReady,Draining`. Pure."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]


def standing(node: Object) -> str:
    """Ready or NotReady; then Cordoned, Draining or Drained; then Quarantined, where it is."""
    is_ready = condition(node, "Ready").get("status") == "True"
    is_quarantined = bool((node.get("status") or {}).get("quarantine"))
    words = ("Ready" if is_ready else "NotReady", _order(node), "Quarantined" if is_quarantined else "")
    return ",".join(word for word in words if word)


def condition(node: Object, type_: str) -> Object:
    """A condition of the node; empty where it has none such."""
    found = (node.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one.get("type") == type_), {})


def _order(node: Object) -> str:
    """What was asked of it: its agent says when a drain is over."""
    spec = node.get("spec") or {}
    if spec.get("drain"):
        return "Drained" if condition(node, "Drained").get("status") == "True" else "Draining"
    return "Cordoned" if spec.get("unschedulable") else ""
