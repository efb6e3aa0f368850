"""SSH ports: one of a node's own range each, and the same for as long as the VPS is bound there. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

ANY = 0  # in place of a port of which the server has not said yet which it is


def range_of(status: Mapping[str, Any]) -> range:
    """The ports in a Node's status; none of one that publishes none."""
    ports = status.get("sshPorts")
    return range(int(ports["first"]), int(ports["last"]) + 1) if ports else range(0)


def choose(ports: range, taken: Collection[int | None], *, former: int | None = None) -> int | None:
    """The former port if it may be had, else the lowest that is free; None where none is."""
    if former is not None and former in ports and former not in taken:
        return former
    return next((port for port in ports if port not in taken), None)


def is_booked(port: int | None, ports: range) -> bool:
    """Whether a booking with this port takes one of these."""
    return port is not None and (port == ANY or port in ports)
