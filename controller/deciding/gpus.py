"""GPUs: what a VPS wishes for, and which ones of a node it would get.

Pure, and knows neither requests nor nodes: `view.py` makes these from JSON, `room.py` asks. The server
chooses for itself when it binds; the same rule stands here so that the next decision sees what the last one
will take.
"""

import dataclasses
from collections.abc import Collection, Sequence


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

    @property
    def kind(self) -> str:
        """What they are called in a sentence."""
        return f"{self.model} GPUs" if self.model else "GPUs"


@dataclasses.dataclass(frozen=True, slots=True)
class Rack:
    """The GPUs of one node, for one VPS."""

    devices: Sequence[GPU]  # by index
    taken: Collection[str]  # UUIDs that others hold
    near: int | None = None  # the NUMA node they must be close to

    def fitting(self, wish: Wish) -> list[GPU]:
        """Those of the right model and place, free or not."""
        model = wish.model.lower()
        return [one for one in self.devices if model in one.model.lower() and self._is_near(one)]

    def free(self, wish: Wish) -> list[GPU]:
        """Those of them that may be given away."""
        return [one for one in self.fitting(wish) if one.healthy and one.uuid not in self.taken]

    def choose(self, wish: Wish) -> tuple[str, ...] | None:
        """The UUIDs that the VPS would get; None where it cannot have what it wishes."""
        if not wish.ids:
            free = self.free(wish)
            return _together(free, wish.count) if len(free) >= wish.count else None
        if any(self.trouble(wanted) for wanted in wish.ids):
            return None
        chosen = {one.uuid for wanted in wish.ids if (one := self.named(wanted)) is not None}
        return tuple(chosen) if len(chosen) == len(wish.ids) else None

    def named(self, wanted: int | str) -> GPU | None:
        """The device of this index or UUID."""
        return next((one for one in self.devices if wanted in (one.index, one.uuid)), None)

    def trouble(self, wanted: int | str) -> str:
        """Why the VPS cannot have this one; empty when it can."""
        device = self.named(wanted)
        if device is None:
            return "not there"
        if device.uuid in self.taken:
            return "held by another VPS"
        if not device.healthy:
            return "not healthy"
        if not self._is_near(device):
            where = "unknown" if device.numa is None else device.numa
            return f"on NUMA node {where}, not on {self.near}"
        return ""

    def is_reachable(self, wanted: int | str) -> bool:
        """Whether there is such a one, and where the VPS wants it."""
        device = self.named(wanted)
        return device is not None and self._is_near(device)

    def _is_near(self, device: GPU) -> bool:
        return self.near is None or device.numa == self.near


def _together(free: Sequence[GPU], count: int) -> tuple[str, ...]:
    """Of one NUMA node where one has enough, the fullest such; lowest index first."""
    by_numa: dict[int | None, list[GPU]] = {}
    for device in free:
        by_numa.setdefault(device.numa, []).append(device)
    groups = sorted(
        by_numa.values(),
        key=lambda group: (len(group) < count, len(group) if len(group) >= count else -len(group)),
    )
    return tuple(device.uuid for group in groups for device in group)[:count]
