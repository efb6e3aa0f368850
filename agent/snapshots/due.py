"""Which Snapshot is taken next, whether there is room for it, and what is said of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kohakuriver import quantity
from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.snapshots.losses import Lost
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources.snapshot import Cause, Phase

SPARE: Final = 1 << 30  # bytes that stay free on each disk
Object = dict[str, Any]


def is_due(snapshot: Mapping[str, Any]) -> bool:
    """Whether its files are yet to be taken, or an earlier agent has not come to an end with that."""
    phase = (snapshot.get("status") or {}).get("phase")
    return UNREADABLE not in snapshot and not is_deleted(snapshot) and phase in (None, Phase.TAKING)


def is_deleted(snapshot: Mapping[str, Any]) -> bool:
    return bool(snapshot["metadata"].get("deletionTimestamp"))


def in_turn(snapshots: Iterable[Object], *, served: Mapping[str, int]) -> list[Object]:
    """Those that are due, the next first. The namespace that was served longest ago comes first (`served`
    counts up); of one namespace what a VPS waits for with its start, then the oldest."""

    def place(snapshot: Object) -> tuple[Any, ...]:
        metadata = snapshot["metadata"]
        is_waited_for = (snapshot["spec"].get("cause") or Cause.MANUAL) == Cause.REPLACED
        return (
            served.get(metadata["namespace"], 0),
            not is_waited_for,
            metadata.get("creationTimestamp") or "",
            metadata["namespace"],
            metadata["name"],
        )

    return sorted((one for one in snapshots if is_due(one)), key=place)


def short_of_room(
    engine: Disk | None, own: Disk | None, *, layer: int, archives: int, is_one_disk: bool
) -> str:
    """Why there is no room for it, with what it needs and what there is; empty where there is."""
    if is_one_disk:
        return _short(engine or own, layer + archives, "its files and the archives of its volumes take")
    return _short(engine, layer, "its files take") or _short(
        own, archives, "the archives of its volumes take"
    )


def _short(disk: Disk | None, needed: int, what: str) -> str:
    if disk is None or not needed or disk.free >= needed + SPARE:
        return ""
    size, spare = quantity.approximate_size(needed), quantity.approximate_size(SPARE)
    return f"{what} {size}, {spare} more must stay free, and there are {disk.words}"


def size_of(status: Mapping[str, Any]) -> str:
    return quantity.approximate_size(int(status.get("size") or 0))


def not_in_it(skipped: Iterable[tuple[str, str]], mounts: Iterable[str], *, lost: Lost, named: int) -> str:
    """What of the VPS is not in a Snapshot, as a sentence; empty where all of it is."""
    volumes = [f"{name} ({target})" if name else target for name, target in skipped]
    said = [f"volumes {', '.join(volumes)}"] if volumes else []
    folders = list(mounts)
    said += [f"what the node's folders hold at {', '.join(folders)}"] if folders else []
    if lost.sockets_in_all > named:
        said.append(f"{lost.sockets_in_all} sockets, of which {named} are named")
    elif lost.sockets_in_all:
        said.append("sockets")
    if lost.attributes:
        whose = f"{lost.attributes} files, such as {lost.first}" if lost.attributes > 1 else lost.first
        said.append(f"extended attributes and ACLs, which an image of this engine does not hold, of {whose}")
    return f"not in it: {'; '.join(said)}" if said else ""
