"""What a ResourceQuota limits and what of it is taken: its status, worked out when somebody reads it. Pure.

Nothing of it is stored: the sums change with every booking, and an unchanged world writes nothing.
"""

from collections.abc import Mapping
from typing import Any

from kohakuriver.apiserver.quota import hard
from kohakuriver.apiserver.quota.booked import Amounts
from kohakuriver.apiserver.quota.stored import Used
from kohakuriver.apiserver.store import codec
from kohakuriver.resources import quota

Json = dict[str, Any]


def taken(booked: Amounts, used: Used) -> dict[str, int]:
    """What a namespace takes of everything that can be limited, by full name."""
    return {
        quota.CORES: booked.millicores,
        quota.MEMORY: booked.memory,
        quota.GPUS: booked.gpus,
        quota.DISK: booked.disk + used.files,
        quota.VPSES: used.vpses,
        quota.SNAPSHOTS: used.snapshots,
        quota.OBJECT_BYTES: used.object_bytes,
    }


def status(obj: Json, amounts: Mapping[str, int]) -> Json:
    """The status of a stored quota, with the names that its spec has; what cannot be read is left out."""
    limits, found = Json(), Json()
    spec = obj.get("spec")
    named = spec.get("hard") if isinstance(spec, dict) else None
    for name, most in named.items() if isinstance(named, dict) else ():
        full = quota.full_name(name)
        if full not in quota.NAMES:
            continue
        found[name] = hard.written(full, amounts[full])
        try:
            limits[name] = hard.written(full, hard.amount(full, most))
        except codec.NONSENSE:
            continue
    return {"hard": limits, "used": found}


def line(obj: Mapping[str, Any]) -> str:
    """A quota with its status in one line, as `kubectl get quota` shows it."""
    shown = obj["status"]
    return ", ".join(
        f"{name}: {shown['used'].get(name, 0)}/{shown['hard'].get(name, '<invalid>')}"
        for name in sorted((obj.get("spec") or {}).get("hard") or ())
    )


def number(resource: str, amount: int) -> float:
    """An amount in the resource's own unit: cores, bytes or pieces."""
    return amount / 1000 if resource == quota.CORES else float(amount)
