"""Which SSH port a VPS gets: one of its node's own range, and the same for as long as it is bound there.

Pure. A port is one VPS's until the VPS is gone from the node, stopped or not (CORRECTNESS 27).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from kohakuriver.apiserver.objects.refusal import SSH, Refusal


def choose(
    name: str,
    node: Mapping[str, Any],
    others: Iterable[Mapping[str, Any]],
    *,
    vps: Mapping[str, Any],
    strangers: Collection[int] = (),
) -> int | Refusal | None:
    """The VPS's former port if it may have it, else the lowest; None where none is wanted.

    `strangers` are ports that something else on the machine holds.
    """
    ports = (node.get("status") or {}).get("sshPorts")
    if not ports or (vps["spec"].get("ssh") or {}).get("disabled"):
        return None
    taken = {entry.get("sshPort") for entry in others} | set(strangers)
    first, last = int(ports["first"]), int(ports["last"])
    assignment = (vps.get("status") or {}).get("assignment") or {}
    former = (assignment.get("grant") or {}).get("sshPort")
    if former is not None and first <= former <= last and former not in taken:
        return int(former)
    free = next((port for port in range(first, last + 1) if port not in taken), None)
    if free is not None:
        return free
    foreign = sum(first <= port <= last for port in set(strangers))
    held = f", {foreign} held by other programs" if foreign else ""
    return Refusal(
        f"{name} is short of SSH ports: need 1, 0 of {last - first + 1} ({first}-{last}) free{held}", SSH
    )
