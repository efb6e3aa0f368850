"""The VPSes that are bound to a node. Asks across all namespaces, so it is for administrators."""

from kohakuriver.cli.api.http import Api, Object
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS

UP = ("assigning", "running", "paused", "lost")  # phases in which something runs, or may


def params(node: str) -> dict[str, str]:
    return {"fieldSelector": f"status.assignment.node={node}"}


def of(api: Api, node: str) -> list[Object]:
    found: list[Object] = api.call("GET", api.path(kinds.VPS), params=params(node))["items"]
    return found


def title(vps: Object) -> str:
    """NAMESPACE/NAME: they are of many namespaces."""
    return f"{vps['metadata']['namespace']}/{vps['metadata']['name']}"


def is_up(vps: Object) -> bool:
    """Whether its container runs, or may."""
    found = VPS.of(vps)
    return found.status.text("phase") in UP or found.observed.state in ("starting", "running", "paused")
