"""Three-way merge as `kubectl apply` does it, so that both can manage one object. Pure.

What was applied last lies in an annotation, byte for byte as kubectl writes it. The patch (RFC 7386) sets
what the manifest says and the object does not, and removes what it said last time and no longer says.
"""

import copy
import json
from typing import Any

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
Object = dict[str, Any]


def encode(body: Object) -> str:
    """An object as Go's encoder writes it: keys sorted, no spaces, <, > and & escaped, a line end."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for plain in "<>&\u2028\u2029":
        text = text.replace(plain, f"\\u{ord(plain):04x}")
    return text + "\n"


def annotated(body: Object) -> Object:
    """The object with itself in the annotation."""
    modified = copy.deepcopy(body)
    annotations = dict(modified["metadata"].get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    modified["metadata"]["annotations"] = annotations
    recorded = encode(modified)
    modified["metadata"]["annotations"] = {**annotations, LAST_APPLIED: recorded}
    return modified


def last_applied(current: Object) -> Object:
    """What was applied to the object last; empty when nothing was, or by no tool of this kind."""
    text = (current["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def patch(original: Object, modified: Object, current: Object) -> Object:
    """The merge patch that makes `current` say what `modified` says, without what only `original` said."""
    return _merged(_removals(original, modified, current), _changes(modified, current))


def _changes(modified: Object, current: Object) -> Object:
    """What must be set; explicit nulls remove."""
    found: Object = {}
    for key, value in modified.items():
        there = current.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            inner = _changes(value, there)
            if inner:
                found[key] = inner
        elif value is None:
            if key in current:
                found[key] = None
        elif key not in current or not _same(value, there):
            found[key] = value
    return found


def _removals(original: Object, modified: Object, current: Object) -> Object:
    """What was applied last and is no longer declared, as far as it is still there."""
    found: Object = {}
    for key, value in original.items():
        if key not in current:
            continue
        if key not in modified:
            found[key] = None
        elif all(isinstance(side, dict) for side in (value, modified[key], current[key])):
            inner = _removals(value, modified[key], current[key])
            if inner:
                found[key] = inner
    return found


def _merged(first: Object, second: Object) -> Object:
    merged = dict(first)
    for key, value in second.items():
        there = merged.get(key)
        both = isinstance(there, dict) and isinstance(value, dict)
        merged[key] = _merged(there, value) if both else value  # type: ignore[arg-type]
    return merged


def _same(one: Any, other: Any) -> bool:
    """Equality as JSON has it: 1 is 1.0, and True is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
