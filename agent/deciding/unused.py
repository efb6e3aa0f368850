"""Which images go when the disk is full: those that this agent brought, and that nothing needs. Pure.

As kubelet does: from a high mark of the disk's use on, one after the other, the longest unused first, until
the use is below a low mark. An image that somebody else brought to the engine is never one of them.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Set
from typing import Final

from kohakuriver import image_name
from kohakuriver.agent.runtime.base import COMMIT_CLUSTER_LABEL, Stocked

EVERYBODYS: Final = frozenset({f"{image_name.OWN}debian-ssh:latest", f"{image_name.OWN}busybox:latest"})
"""What is built on the node, by `kohakuriver image build` and for tests: no registry has it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """An image that this agent has pulled or loaded."""

    id: str  # another one by that name is somebody else's
    used: float  # seconds since 1970: fetched, or a container made of it


@dataclasses.dataclass(frozen=True, slots=True)
class Marks:
    """Shares of the disk in use: images go from the high one on, until it is below the low one."""

    high: float  # 1: never
    low: float


def is_collecting(marks: Marks, used: float, *, before: bool) -> bool:
    """Whether images are to go at this use of the disk; `before`: whether they were to a moment ago."""
    return marks.high < 1 and used >= (marks.low if before else marks.high)


def next_to_go(
    stock: Iterable[Stocked],
    fetched: Mapping[str, Fetched],
    *,
    needed: Set[str],
    uids: Set[str],
    cluster: str,
) -> Stocked | None:
    """The image that goes next; None where none may. `fetched` and `needed` are by full names
    (image_name.full); `uids` are those of the VPSes that are bound here."""
    found = [
        one
        for one in stock
        if not one.is_used and one.name not in needed and _is_ours(one, fetched, uids=uids, cluster=cluster)
    ]
    return min(found, key=lambda one: (_used(one, fetched), one.name), default=None)


def _is_ours(one: Stocked, fetched: Mapping[str, Fetched], *, uids: Set[str], cluster: str) -> bool:
    own = image_name.own(one.name)
    if own in EVERYBODYS or own.startswith(image_name.SNAPSHOTS):  # those go with their Snapshots alone
        return False
    if own.startswith(image_name.COMMITS):
        of_somebody = {uid[:8] for uid in uids}
        whose = own.removeprefix(image_name.COMMITS).partition(":")[0]
        return one.labels.get(COMMIT_CLUSTER_LABEL) == cluster and whose not in of_somebody
    if own.startswith(image_name.ENVIRONMENTS) and one.labels.get(COMMIT_CLUSTER_LABEL) == cluster:
        return True
    known = fetched.get(one.name)
    return known is not None and known.id == one.id


def _used(one: Stocked, fetched: Mapping[str, Fetched]) -> float:
    known = fetched.get(one.name)
    return known.used if known is not None else 0.0
