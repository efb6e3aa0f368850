"""What is lacking on a node, in words with numbers. Pure."""

from collections.abc import Collection, Sequence

from kohakuriver import quantity
from kohakuriver.apiserver.objects.refusal import PLACEMENT_GPUS, PLACEMENT_NUMA, RESOURCES, SSH, Refusal
from kohakuriver.placement import cores
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.fits import AnyRoom, Lack, Shortage
from kohakuriver.placement.gpus import NOT_THERE, Rack
from kohakuriver.placement.request import Request


def refusal(request: Request, room: AnyRoom, held: Booking, lacking: Sequence[Shortage]) -> Refusal:
    """Everything that is lacking, in one sentence."""
    counted = [short for short in lacking if short.lack in (Lack.CORES, Lack.MEMORY)]
    parts = []
    if counted:
        parts.append(Refusal(f"{room.name} is short of {' and of '.join(map(_amount, counted))}"))
    parts += [_refusal(request, room, held, short) for short in lacking if short not in counted]
    whole, *more = parts
    for part in more:
        whole = whole.beside(part)
    return whole


def no_port(name: str, ports: range, strangers: Collection[int]) -> Refusal:
    """That all SSH ports are booked, or held by other programs of the machine."""
    foreign = sum(port in ports for port in set(strangers))
    held = f", {foreign} held by other programs" if foreign else ""
    which = f"0 of {len(ports)} ({ports[0]}-{ports[-1]}) free"
    return Refusal(f"{name} is short of SSH ports: need 1, {which}{held}", SSH)


def _refusal(request: Request, room: AnyRoom, held: Booking, short: Shortage) -> Refusal:
    name, numa = room.name, room.facts.numa
    there = name if request.numa is None else f"NUMA node {request.numa} of {name}"
    match short.lack:
        case Lack.TOPOLOGY:
            field = RESOURCES if request.exclusive else PLACEMENT_NUMA
            return Refusal(f"node {name} has not reported which cores it has", field)
        case Lack.NUMA_NODE:
            known = ", ".join(map(str, sorted(numa)))
            return Refusal(f"{name} has no NUMA node {request.numa}; it has {known}", PLACEMENT_NUMA)
        case Lack.EXCLUSIVE:
            return Refusal(f"{there} is short of exclusive cores: need {short.need}, {short.free} free")
        case Lack.LAST_CORE:
            return Refusal(f"{there} is short of exclusive cores: others need at least one core to share")
        case Lack.SHARED:
            count = len(cores.NONE.union(*numa.values()))
            return Refusal(f"all {count} cores of {name} are other VPSes' alone")
        case Lack.PINNED:
            return Refusal(f"{there} is short of {_amount(short)}")
        case Lack.GPUS:
            return Refusal(_gpus(request, room, room.rack_for(request, held)), PLACEMENT_GPUS)
        case _:
            return Refusal(f"node {name} has not reported what it has")


def _amount(short: Shortage) -> str:
    if short.lack is Lack.MEMORY:
        written = quantity.approximate_size
        return f"memory: need {written(short.need)}, {written(max(0, short.free))} free"
    has = f"{_cores(short.most)} in all" if short.need > short.most else f"{_cores(short.free)} free"
    return f"cores: need {_cores(short.need)}, {has}"


def _cores(millicores: int) -> str:
    return quantity.decimal_cores(max(0, millicores))


def _gpus(request: Request, room: AnyRoom, rack: Rack) -> str:
    wish, name = request.gpus, room.name
    if not wish.ids:
        return _too_few(request, room, rack)
    for wanted in wish.ids:
        why = rack.trouble(wanted)
        if why == NOT_THERE:
            known = ", ".join(str(one.index) for one in rack.devices)
            return f"{name} has no GPU {wanted}; it has {known or 'none'}"
        if why:
            return f"GPU {wanted} of {name} is {why}"
    return f"two of the ids name the same GPU of {name}"


def _too_few(request: Request, room: AnyRoom, rack: Rack) -> str:
    wish = request.gpus
    where = room.name if rack.near is None else f"NUMA node {rack.near} of {room.name}"
    total = len(rack.fitting(wish))
    if not total:
        return f"{where} has no {wish.kind}"
    need = f", {wish.count} needed" if wish.count > 1 else ""
    return f"{len(rack.free(wish))} of {total} {wish.kind} free on {where}{need}"
