"""How each view shows the kind that it is of. Which views there are: `kohakuriver.resources.kinds`. Pure."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from kohakuriver.apiserver.objects.selectors import Selection
from kohakuriver.apiserver.views import events, nodes, pods
from kohakuriver.errors import NotFound
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

Json = dict[str, Any]


def _as_asked(asked: Selection) -> Selection:
    return asked


def _always_there(obj: Json) -> NotFound | None:
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Showing:
    """What makes a view of stored objects: the object shown, what to do where somebody would write it, the
    selection of what is stored, why a stored object is not shown, and the patch of it that a patch means."""

    change: Callable[[Json], Json]
    instead: str
    selection: Callable[[Selection], Selection] = _as_asked
    absent: Callable[[Json], NotFound | None] = _always_there
    patch: Callable[[Any], Any] | None = None


SHOWING: Mapping[ResourceType, Showing] = {
    kinds.POD: Showing(
        pods.form,
        "apply a VPS, or use kohakuriver vps: kubectl explain vps",
        selection=pods.selection,
        absent=pods.absent,
    ),
    kinds.CORE_NODE: Showing(
        nodes.form,
        "say nodes.kohakuriver.io, as in kubectl delete nodes.kohakuriver.io NAME",
        patch=nodes.meant,
    ),
    kinds.NEW_EVENT: Showing(events.form, "write core v1 Events"),
}
