"""Which GPUs a VPS gets: each held by one VPS at a time, bound by UUID (CORRECTNESS 2, 4).

Pure. Takes what the node reports and what others hold, and answers with UUIDs or a refusal with numbers.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kohakuriver.apiserver.booking.wanted import GPUs, Wanted
from kohakuriver.apiserver.objects.refusal import PLACEMENT_GPUS, Refusal

Device = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Rack:
    """A node's GPUs, and what becomes of them."""

    name: str
    devices: Sequence[Device]
    taken: frozenset[str]  # by others
    held: frozenset[str]  # by the VPS itself, which may keep what has fallen ill
    numa: int | None  # the NUMA node asked for
    many_numa: bool

    def usable(self, device: Device) -> bool:
        return device["uuid"] not in self.taken and (
            bool(device.get("healthy", True)) or device["uuid"] in self.held
        )

    def near(self, device: Device) -> bool:
        """Whether it is on the NUMA node asked for; where there is one, all are."""
        return self.numa is None or not self.many_numa or device.get("numa") == self.numa


def choose(
    name: str,
    node: Mapping[str, Any] | None,
    others: Iterable[Mapping[str, Any]],
    *,
    wanted: Wanted,
    held: Iterable[str],
) -> tuple[str, ...] | Refusal:
    """The UUIDs of the VPS's GPUs. It keeps what it holds where that will do."""
    if not wanted.gpus.count:
        return ()
    status = (node or {}).get("status") or {}
    rack = _Rack(
        name,
        sorted(_once_each(status.get("gpus") or ()), key=lambda device: device["index"]),
        frozenset(uuid for entry in others for uuid in entry.get("gpus") or ()),
        frozenset(held),
        wanted.numa,
        len(status.get("numa") or ()) > 1,
    )
    return _named(rack, wanted.gpus) if wanted.gpus.ids else _counted(rack, wanted.gpus)


def _once_each(devices: Iterable[Device]) -> Iterable[Device]:
    """A node of before may have named one twice."""
    return {device["uuid"]: device for device in devices}.values()


def _named(rack: _Rack, request: GPUs) -> tuple[str, ...] | Refusal:
    chosen = []
    for wanted in request.ids:
        device = next((one for one in rack.devices if wanted in (one["index"], one["uuid"])), None)
        if device is None:
            known = ", ".join(str(one["index"]) for one in rack.devices)
            has = f"it has {known}" if known else "it has none"
            return Refusal(f"{rack.name} has no GPU {wanted}; {has}", PLACEMENT_GPUS)
        why = _trouble(rack, device)
        if why:
            return Refusal(f"GPU {wanted} of {rack.name} is {why}", PLACEMENT_GPUS)
        chosen.append(device["uuid"])
    if len(set(chosen)) < len(chosen):
        return Refusal(f"two of the ids name the same GPU of {rack.name}", PLACEMENT_GPUS)
    return tuple(chosen)


def _trouble(rack: _Rack, device: Device) -> str:
    if device["uuid"] in rack.taken:
        return "held by another VPS"
    if not rack.usable(device):
        return "not healthy"
    if not rack.near(device):
        return f"on NUMA node {device.get('numa', 'unknown')}, not on {rack.numa}"
    return ""


def _counted(rack: _Rack, request: GPUs) -> tuple[str, ...] | Refusal:
    model = request.model.lower()
    fitting = [
        device
        for device in rack.devices
        if model in str(device.get("model") or "").lower() and rack.near(device)
    ]
    free = [device for device in fitting if rack.usable(device)]
    if len(free) < request.count:
        return Refusal(_too_few(rack, request, free=len(free), total=len(fitting)), PLACEMENT_GPUS)
    return tuple(device["uuid"] for device in _together(free, request.count, rack.held))


def _together(free: Sequence[Device], count: int, held: frozenset[str]) -> Sequence[Device]:
    """What is held first; then of one NUMA node where one has enough, the fullest such."""
    by_numa: dict[Any, list[Device]] = {}
    for device in free:
        by_numa.setdefault(device.get("numa"), []).append(device)
    kept = [device for device in free if device["uuid"] in held][:count]
    near = {device.get("numa") for device in kept}
    groups = sorted(
        by_numa.values(),
        key=lambda group: (
            group[0].get("numa") not in near,
            len(group) < count,
            len(group) if len(group) >= count else -len(group),
        ),
    )
    order = [*kept, *(device for group in groups for device in group if device not in kept)]
    return sorted(order[:count], key=lambda device: int(device["index"]))


def _too_few(rack: _Rack, request: GPUs, *, free: int, total: int) -> str:
    kind = f"{request.model} GPUs" if request.model else "GPUs"
    near = rack.numa is not None and rack.many_numa
    where = f"NUMA node {rack.numa} of {rack.name}" if near else rack.name
    if not total:
        return f"{where} has no {kind}"
    need = f", {request.count} needed" if request.count > 1 else ""
    return f"{free} of {total} {kind} free on {where}{need}"
