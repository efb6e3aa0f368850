"""Reasons that many VPSes have in common are said in full once, and by a name elsewhere. Pure."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kohakuriver.cli.tui.dashboard import vps_line

_MANY: Final = 3  # VPSes with the same reason, from which it is not said again


def alike(vpses: Sequence[dict[str, Any]]) -> Mapping[str, str]:
    """By uid: `as NAME`, where that one is above it and tells the same reason in full."""
    by_reason: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for vps in vpses:
        if why := vps_line.reason(vps):
            by_reason[why].append(vps)
    found: dict[str, str] = {}
    for first, *others in by_reason.values():
        if len(others) + 1 >= _MANY:
            name = first["metadata"]["name"]
            found |= {str(vps["metadata"]["uid"]): f"as {name}" for vps in others}
    return found
