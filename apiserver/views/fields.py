"""Reading an object whose fields may hold anything: what is not of the type wanted counts as absent. Pure."""

from collections.abc import Mapping
from typing import Any

from kohakuriver import quantity

Json = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # a whole manifest: of another kind, here


def part(obj: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The mapping at a path; an empty one where there is none."""
    found: Any = obj
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(obj: Mapping[str, Any], name: str) -> str:
    """The text in a field; empty where there is none."""
    found = obj.get(name)
    return found if isinstance(found, str) else ""


def number(obj: Mapping[str, Any], name: str) -> int:
    """The whole number in a field; 0 where there is none."""
    found = obj.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def items(obj: Mapping[str, Any], name: str) -> list[Any]:
    """The list in a field; an empty one where there is none."""
    found = obj.get(name)
    return found if isinstance(found, list) else []


def without_blanks(**fields: Any) -> Json:
    """These fields without those that say nothing; a trailing `_` keeps a word of Python out of the way."""
    return {name.rstrip("_"): value for name, value in fields.items() if value not in ("", None, [], {})}


def told_by_clients(meta: Mapping[str, Any], annotations: Mapping[str, str]) -> Json:
    """What metadata of the shown and of the stored object have in common, and these annotations beside."""
    kept = {key: value for key, value in part(meta, "annotations").items() if key != LAST_APPLIED}
    return {
        **{
            field: text(meta, field)
            for field in ("resourceVersion", "creationTimestamp", "deletionTimestamp")
        },
        "deletionGracePeriodSeconds": meta.get("deletionGracePeriodSeconds"),
        "labels": dict(part(meta, "labels")),
        "annotations": {**kept, **annotations},
    }


def cores(amount: Any) -> str:
    """Cores as Kubernetes writes them: "2", "500m"; empty for what is no amount."""
    try:
        return quantity.format_cores(quantity.millicores(amount))
    except (ValueError, TypeError, ArithmeticError):
        return ""


def memory(amount: Any) -> str:
    """Memory as it was declared; empty for what is no amount."""
    try:
        quantity.size(amount)
    except (ValueError, TypeError, ArithmeticError):
        return ""
    return str(amount)
