"""Filters for what a node does not permit (mounts, privileges, capabilities), what it rejected, and what it
still holds.

See `refusing.py`. The node's agent has the last word on all of these (`vpses/NAME/reject`); asking here first
saves a VPS the way there and back.
"""

import dataclasses
from collections.abc import Sequence

from kohakuriver.controller.deciding.refusing import Filter
from kohakuriver.controller.deciding.view import NodeView, VPSRequest
from kohakuriver.placement.mounts import Mount, is_allowed, prefix_of
from kohakuriver.resources import reasons


@dataclasses.dataclass(frozen=True, slots=True)
class Mounts(Filter):
    """Its administrator does not allow a folder to be mounted."""

    wanted: tuple[Mount, ...]

    def fits(self, node: NodeView) -> bool:
        return self._refused(node) is None

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return f"allowing {self._which(refused)}"

    def alone(self, node: NodeView) -> str:
        return f"node {node.name} allows {self._which((node,))}"

    def vain(self, node: NodeView) -> str:
        return reasons.MOUNT_NOT_ALLOWED

    def _which(self, refused: Sequence[NodeView]) -> str:
        mounts = {mount for node in refused if (mount := self._refused(node)) is not None}
        ordered = sorted(mounts, key=lambda mount: (mount.path, mount.read_only))
        if all(prefix_of(mount.path, node.facts.allow_mounts) for mount in mounts for node in refused):
            paths = ", ".join(mount.path for mount in ordered)
            options = " ".join(f"--allow-mount {mount.path}" for mount in ordered)
            return f"mounts of {paths} for reading only (readOnly: true, or agent option {options})"
        each = ", ".join(mount.path + (" (read-only)" if mount.read_only else "") for mount in ordered)
        options = " ".join(f"--allow-mount {mount.path}{':ro' * mount.read_only}" for mount in ordered)
        return f"no mount of {each} (agent option {options})"

    def _refused(self, node: NodeView) -> Mount | None:
        allowed = node.facts.allow_mounts
        refused = (one for one in self.wanted if not is_allowed(one.path, allowed, read_only=one.read_only))
        return next(refused, None)


class Privileged(Filter):
    """Its administrator allows no privileged VPSes."""

    def fits(self, node: NodeView) -> bool:
        return node.facts.allow_privileged

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return f"allowing no privileged VPSes{self._because(refused)}"

    def alone(self, node: NodeView) -> str:
        return f"node {node.name} allows no privileged VPSes{self._because((node,))}"

    def vain(self, node: NodeView) -> str:
        remaps = node.facts.remaps_users
        return reasons.PRIVILEGED_NOT_POSSIBLE if remaps else reasons.PRIVILEGED_NOT_ALLOWED

    def _because(self, refused: Sequence[NodeView]) -> str:
        if all(node.facts.remaps_users for node in refused):
            return (
                ", as its engine uses userns-remap" if len(refused) == 1 else " (engines with userns-remap)"
            )
        return " (agent option --allow-privileged)"


@dataclasses.dataclass(frozen=True, slots=True)
class Capabilities(Filter):
    """Its administrator does not allow a capability beyond the default."""

    wanted: tuple[str, ...]

    def fits(self, node: NodeView) -> bool:
        return node.facts.allow_capabilities.issuperset(self.wanted)

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return f"allowing {self._which(refused)}"

    def alone(self, node: NodeView) -> str:
        return f"node {node.name} allows {self._which((node,))}"

    def vain(self, node: NodeView) -> str:
        return reasons.CAPABILITY_NOT_ALLOWED

    def _which(self, refused: Sequence[NodeView]) -> str:
        lacking = {
            name for node in refused for name in self.wanted if name not in node.facts.allow_capabilities
        }
        names = sorted(lacking)
        options = " ".join(f"--allow-capability {name}" for name in names)
        return f"no capability {', '.join(names)} (agent option {options})"


@dataclasses.dataclass(frozen=True, slots=True)
class Rejected(Filter):
    """Its agent has said that it will not take this VPS as it is declared."""

    by: tuple[tuple[str, str], ...]
    under: tuple[tuple[str, str], ...] = ()  # what those nodes offered then

    def fits(self, node: NodeView) -> bool:
        if node.name not in dict(self.by):
            return True
        return dict(self.under).get(node.name, node.facts.offer) != node.facts.offer

    def phrase(self, refused: Sequence[NodeView]) -> str:
        names = {node.name for node in refused}
        reasons = [why for name, why in self.by if name in names]
        return f"rejecting it ({reasons[0]}{', …' if len(set(reasons)) > 1 else ''})"

    def alone(self, node: NodeView) -> str:
        why = dict(self.by)[node.name]
        names_it = why.startswith(f"node {node.name} ")
        return why if names_it else f"node {node.name} will not take it: {why}"

    def vain(self, node: NodeView) -> str:
        return reasons.REJECTED


@dataclasses.dataclass(frozen=True, slots=True)
class Buried(Filter):
    """A former container of this VPS may still be there: the node has not confirmed its end."""

    uid: str

    def fits(self, node: NodeView) -> bool:
        return self.uid not in node.buried

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "still holding its former container"

    def alone(self, node: NodeView) -> str:
        return f"node {node.name} still has its former container, which goes when the node is back"


PRIVILEGED = Privileged()


def that_apply(request: VPSRequest) -> list[Filter]:
    """Those of these filters that the request has to pass; mostly none."""
    filters: list[Filter] = []
    if request.mounts:
        filters.append(Mounts(request.mounts))
    if request.privileged:
        filters.append(PRIVILEGED)
    if request.capabilities:
        filters.append(Capabilities(request.capabilities))
    if request.rejected_by:
        filters.append(Rejected(request.rejected_by, request.rejected_under))
    if request.former:
        filters.append(Buried(request.former))
    return filters
