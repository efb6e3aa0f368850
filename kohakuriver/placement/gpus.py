"""GPUs: what a VPS wishes for, and which ones of a node it gets: each held by one VPS at a time. Pure."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

NOT_THERE = "not there"


@dataclasses.dataclass(frozen=True, slots=True)
class GPU:
    """One device of a node."""

    index: int
    uuid: str
    model: str = ""
    numa: int | None = None
    healthy: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """These GPUs, or so many of a model; a count of 0 is none at all."""

    ids: tuple[int | str, ...] = ()
    count: int = 0
    model: str = ""  # part of the name, in any case

    @classmethod
    def of(cls, request: Mapping[str, Any] | None) -> "Wish":
        """What `spec.placement.gpus` asks for; no request asks for none."""
        if not request:
            return NO_GPUS
        ids = tuple(request.get("ids") or ())
        return cls(ids, len(ids) or int(request.get("count") or 1), request.get("model") or "")

    @property
    def kind(self) -> str:
        """What they are called in a sentence."""
        return f"{self.model} GPUs" if self.model else "GPUs"


NO_GPUS = Wish()


@dataclasses.dataclass(frozen=True, slots=True)
class Rack:
    """The GPUs of one node, for one VPS."""

    devices: Sequence[GPU]  # by index
    taken: Collection[str]  # UUIDs that others hold
    near: int | None = None  # the NUMA node they must be close to
    held: Collection[str] = ()  # UUIDs that the VPS has, and keeps where that will do, even an ill one

    def fitting(self, wish: Wish) -> list[GPU]:
        """Those of the right model and place, free or not."""
        model = wish.model.lower()
        return [one for one in self.devices if model in one.model.lower() and self._is_near(one)]

    def free(self, wish: Wish) -> list[GPU]:
        """Those of them that may be given away."""
        return [one for one in self.fitting(wish) if one.uuid not in self.taken and self._is_well(one)]

    def choose(self, wish: Wish) -> tuple[str, ...] | None:
        """The UUIDs that the VPS gets; None where it cannot have what it wishes."""
        if not wish.ids:
            free = self.free(wish)
            return self._together(free, wish.count) if len(free) >= wish.count else None
        if any(self.trouble(wanted) for wanted in wish.ids):
            return None
        chosen = [one.uuid for wanted in wish.ids if (one := self.named(wanted)) is not None]
        return tuple(chosen) if len(set(chosen)) == len(wish.ids) else None

    def named(self, wanted: int | str) -> GPU | None:
        """The device of this index or UUID."""
        return next((one for one in self.devices if wanted in (one.index, one.uuid)), None)

    def trouble(self, wanted: int | str) -> str:
        """Why the VPS cannot have this one; empty when it can."""
        device = self.named(wanted)
        if device is None:
            return NOT_THERE
        if device.uuid in self.taken:
            return "held by another VPS"
        if not self._is_well(device):
            return "not healthy"
        if not self._is_near(device):
            where = "unknown" if device.numa is None else device.numa
            return f"on NUMA node {where}, not on {self.near}"
        return ""

    def is_reachable(self, wanted: int | str) -> bool:
        """Whether there is such a one, and where the VPS wants it."""
        device = self.named(wanted)
        return device is not None and self._is_near(device)

    def _is_well(self, device: GPU) -> bool:
        return device.healthy or device.uuid in self.held

    def _is_near(self, device: GPU) -> bool:
        return self.near is None or device.numa == self.near

    def _together(self, free: Sequence[GPU], count: int) -> tuple[str, ...]:
        """What is held first; then of one NUMA node where one has enough, the fullest such; by index."""
        by_numa: dict[int | None, list[GPU]] = {}
        for device in free:
            by_numa.setdefault(device.numa, []).append(device)
        kept = [device for device in free if device.uuid in self.held][:count]
        near = {device.numa for device in kept}
        groups = sorted(
            by_numa.values(),
            key=lambda group: (
                group[0].numa not in near,
                len(group) < count,
                len(group) if len(group) >= count else -len(group),
            ),
        )
        order = [*kept, *(device for group in groups for device in group if device not in kept)]
        return tuple(device.uuid for device in sorted(order[:count], key=lambda one: one.index))


def gpus_of(status: Mapping[str, Any]) -> tuple[GPU, ...]:
    """The GPUs in a Node's status, by index; a node of before may have named one twice."""
    found = {entry["uuid"]: _gpu(entry) for entry in status.get("gpus") or ()}
    return tuple(sorted(found.values(), key=lambda device: device.index))


def _gpu(entry: Mapping[str, Any]) -> GPU:
    return GPU(
        index=entry["index"],
        uuid=entry["uuid"],
        model=entry.get("model") or "",
        numa=entry.get("numa"),
        healthy=entry.get("healthy") is not False,
    )
