"""Whether the ResourceQuotas of a VPS's namespace let it have what it asks for, and in words why not. Pure.

The server compares them when it binds; asked here first, so that a namespace that has used up its own sends
no binds that are refused.
"""

from collections.abc import Sequence

from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.deciding.view import VPSRequest
from kohakuriver.resources import booked, quota, reasons
from kohakuriver.resources.booked import Amounts, Limit


def asked(request: VPSRequest, *, is_bound: bool = False) -> Amounts:
    """What would be booked for this request. A VPS that is bound, and stopped, has its disk already."""
    disk = 0 if is_bound else request.disk or 0
    return Amounts(request.cores, request.memory, request.gpus.count, disk)


def refusal(
    request: VPSRequest, used: Amounts, limits: Sequence[Limit], *, is_bound: bool = False
) -> Unschedulable | None:
    """Why the namespace of this request, which has booked so much, may not book it."""
    asks = booked.asks_for_disk(limits)
    if asks is not None and request.disk is None and not is_bound:
        message = (
            f"quota {asks.quota} of {request.account} limits disk: "
            "say in spec.resources.disk how much this VPS may take"
        )
        return Unschedulable(reasons.QUOTA_WANTS_DISK, message)
    more = asked(request, is_bound=is_bound)
    limit = booked.exceeded(used, more, limits)
    if limit is None:
        return None
    return Unschedulable(_reason(more, limit), _words(request.account, used, more, limit))


def _reason(more: Amounts, limit: Limit) -> str:
    """Whether it waits until others have given something back, or in vain."""
    if limit.unreadable:
        return reasons.QUOTA_UNREADABLE
    return reasons.QUOTA_TOO_SMALL if more.get(limit.resource) > limit.most else booked.EXCEEDED


def _words(namespace: str, used: Amounts, more: Amounts, limit: Limit) -> str:
    if limit.unreadable:
        return (
            f"quota {limit.quota} of {namespace} cannot be read ({limit.unreadable}): "
            "it waits until the quota is corrected or deleted"
        )
    taken, wanted = used.get(limit.resource), more.get(limit.resource)
    least, most = (booked.written(limit.resource, amount) for amount in (taken, limit.most))
    uses = f"{namespace} uses {least} of {most} {_NAMES[limit.resource]} (quota {limit.quota})"
    need = f"this VPS needs {booked.written(limit.resource, wanted)}"
    if wanted > limit.most:
        return f"{uses}, and {need}: ask for less, or have the quota raised"
    if taken >= limit.most:
        return f"{uses}: it waits until some {_ARE[limit.resource]} free"
    return f"{uses}, and {need}: it waits until enough is free"


_ARE = {quota.CORES: "are", quota.MEMORY: "is", quota.GPUS: "are", quota.DISK: "is"}
_NAMES = {quota.CORES: "cores", quota.MEMORY: "memory", quota.GPUS: "GPUs", quota.DISK: "disk"}
