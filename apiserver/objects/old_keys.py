"""Public keys that an older server let in, and sshd cannot read: the rest of the VPS may still be changed.

Set aside before a VPS is checked, and put back then, so that one with such a key can be stopped; another is
never added. Pure.
"""

from typing import Any

from kohakuriver.resources import public_key

Json = dict[str, Any]


def set_aside(raw: Json, stored: Json | None) -> tuple[Json, list[Any] | None]:
    """The object without them, and the whole list; None where there are none."""
    keys, known = _keys(raw), _keys(stored or {})
    old = [one for one in keys if one in known and isinstance(one, str) and public_key.trouble(one)]
    if not old:
        return raw, None
    rest = [one for one in keys if one not in old]
    ssh = {**raw["spec"]["ssh"], "authorizedKeys": rest}
    return {**raw, "spec": {**raw["spec"], "ssh": ssh}}, keys


def _keys(body: Json) -> list[Any]:
    place: Any = body
    for field in ("spec", "ssh", "authorizedKeys"):
        place = place.get(field) if isinstance(place, dict) else None
    return place if isinstance(place, list) else []
