"""What a node has to offer, in one word: a rejection holds for as long as that stays the same. Pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from kohakuriver.resources.view import Node

_FIELDS = ("allowMounts", "allowPrivileged", "allocatable", "sshPorts", "numa", "gpus")
_LATER = (
    "allowCapabilities",
    "cpuOvercommit",
)  # count where they are there: what was said before still holds


def offer_of(node: Mapping[str, Any]) -> str:
    """Differs when the node's allow-lists, capacity, ports or devices do."""
    status = Node.of(node).status.raw
    parts = [status.get(field) for field in _FIELDS]
    parts += [status[field] for field in _LATER if status.get(field)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
