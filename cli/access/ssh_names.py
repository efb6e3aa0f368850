"""What `ssh NAME.vps` means: a VPS, perhaps of another namespace, perhaps of another cluster. Pure.

    dev.vps                  dev, in the namespace and cluster that count now
    dev.team.vps             dev in namespace team
    dev.team.lab.vps         dev in namespace team of the cluster of context lab

Names of VPSes and contexts may have dots in them, so a name may be read in several ways: `readings` gives
them in order, the plainest first.
"""

from collections.abc import Collection
from typing import NamedTuple

SUFFIX = ".vps"


class Place(NamedTuple):
    """One reading of a name."""

    name: str
    namespace: str | None = None  # None: the one that counts
    context: str | None = None


def readings(word: str, contexts: Collection[str]) -> list[Place]:
    """The VPSes that may be meant."""
    bare = word.lower().removesuffix(SUFFIX)
    found = [Place(bare)]
    name, dot, namespace = bare.rpartition(".")
    if dot and name and namespace:
        found.append(Place(name, namespace))
    for context in contexts:
        rest = bare.removesuffix(f".{context.lower()}")
        name, dot, namespace = rest.rpartition(".")
        if rest != bare and name and namespace:
            found.append(Place(name, namespace, context))
    return found
