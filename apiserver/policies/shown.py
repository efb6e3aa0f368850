"""A Policy in the cells of a table: which namespaces it chooses, and what it limits there. Pure.

Raises what reading nonsense raises; the table then shows that.
"""

import datetime
from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]

_FORMS = {"In": "{} in ({})", "NotIn": "{} notin ({})", "Exists": "{}", "DoesNotExist": "!{}"}


def namespaces(policy: Object, now: datetime.datetime) -> str:
    """The selector as it is typed behind -l."""
    chosen = _spec(policy).get("namespaceSelector") or {}
    words = [f"{key}={value}" for key, value in (chosen.get("matchLabels") or {}).items()]
    for one in chosen.get("matchExpressions") or ():
        words.append(_FORMS[one["operator"]].format(one["key"], ",".join(one.get("values") or ())))
    return ",".join(words) or "<all>"


def limits(policy: Object, now: datetime.datetime) -> str:
    """What it speaks of, with the numbers."""
    spec = _spec(policy)
    parts = [part for part in ("egress", "images") if spec.get(part) is not None]
    most = {
        "stopGracePeriod": spec.get("longestStopGracePeriod"),
        "priority": spec.get("highestPriority"),
        "token": spec.get("longestTokenLife"),
    }
    numbers = [f"{name}<={limit}" for name, limit in most.items() if limit is not None]
    return ",".join([*parts, *numbers]) or "<none>"


def registries(policy: Object, now: datetime.datetime) -> str:
    """Where images may come from."""
    images = _spec(policy).get("images")
    return "<all>" if images is None else ",".join(images.get("registries") or ()) or "<none>"


def _spec(policy: Object) -> Mapping[str, Any]:
    return policy.get("spec") or {}
