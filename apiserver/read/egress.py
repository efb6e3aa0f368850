"""What a node has to know of Policies: which networks they close to VPSes, and in which of its namespaces.

The selectors are judged here, so that a node learns of the namespaces of its own VPSes which Policies choose
them, and no labels and no other namespace. Policies without networks are left out.

A Policy that cannot be read, by the hand of somebody at the store or from another version, may close too
much, never too little: a selector that cannot be read chooses every namespace as far as `deny` goes and none
for `allow`. Networks are read one by one; what is not one is told in `unreadable`. Pure, but for a memory of
what was read.
"""

import dataclasses
import functools
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import pydantic

from kohakuriver.apiserver.objects.selectors import Selection, by_labels
from kohakuriver.apiserver.store import codec


@dataclasses.dataclass(frozen=True, slots=True)
class Networks:
    """One Policy's word on networks."""

    name: str
    chosen: Selection | None  # None: it cannot be read
    deny: tuple[str, ...]
    allow: tuple[str, ...]
    unreadable: tuple[str, ...]  # what cannot be read, each in words

    def chooses(self, labels: Mapping[str, str]) -> bool:
        return self.chosen is None or self.chosen.matches(labels, {})

    def written(self) -> dict[str, list[str]]:
        return {"deny": list(self.deny), "allow": list(self.allow)}


def answer(policies: Iterable[bytes], namespaces: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The Policies that speak of networks by name, which of them hold in each of these namespaces (given with
    their labels), and what of them cannot be read. Policies are JSON."""
    speaking = [one for raw in policies if (one := read(raw)) is not None]
    return {
        "policies": {one.name: one.written() for one in speaking},
        "namespaces": {
            name: [one.name for one in speaking if one.chooses(labels)]
            for name, labels in sorted(namespaces.items())
        },
        "unreadable": [words for one in speaking for words in one.unreadable],
    }


@functools.lru_cache(maxsize=256)
def read(raw: bytes) -> Networks | None:
    """One Policy; None where it says nothing of networks."""
    stored = orjson.loads(raw)
    name, spec = stored["metadata"]["name"], stored.get("spec") or {}
    egress = spec.get("egress") if isinstance(spec, dict) else None
    if egress is None:
        return None
    trouble: list[str] = []
    if not isinstance(egress, dict):
        trouble.append(f"Policy {name}: spec.egress is not an object")
        egress = {}
    chosen = _selection(name, spec, trouble)
    deny, allow = (_networks(name, egress, field, trouble) for field in ("deny", "allow"))
    return Networks(name, chosen, deny, allow if chosen is not None else (), tuple(trouble))


def _selection(name: str, spec: Mapping[str, Any], trouble: list[str]) -> Selection | None:
    try:
        return by_labels(spec.get("namespaceSelector") or {})
    except (pydantic.ValidationError, *codec.NONSENSE):
        trouble.append(f"Policy {name}: spec.namespaceSelector cannot be read, so it chooses every namespace")
        return None


def _networks(name: str, egress: Mapping[str, Any], field: str, trouble: list[str]) -> tuple[str, ...]:
    value = egress.get(field) or []
    if not isinstance(value, list):
        trouble.append(f"Policy {name}: spec.egress.{field} is not a list")
        return ()
    found: set[str] = set()
    for text in value:
        try:
            found.add(str(ipaddress.ip_network(text if isinstance(text, str) else "")))
        except ValueError:
            trouble.append(f'Policy {name}: spec.egress.{field}: invalid network "{str(text)[:80]}"')
    return tuple(sorted(found))
