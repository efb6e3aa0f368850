"""What this node's administrator allows VPSes: folders to mount, to be privileged, and capabilities. Pure.

From `--allow-mount`, `--allow-privileged` and `--allow-capability`; nothing is allowed without them.
beneath.py holds the path to its prefix when it is opened; here only the words are compared.
"""

from collections.abc import Iterable

from kohakuriver.agent.deciding.desired import Desired, Mount, Refusal
from kohakuriver.placement.mounts import Allowed, is_allowed, prefix_of
from kohakuriver.resources import reasons


def mount_refusal(mount: Mount, allowed: Allowed, *, node: str) -> str:
    """Why the node does not allow this mount, with what would; empty if it does."""
    if is_allowed(mount.source, allowed, read_only=mount.read_only):
        return ""
    prefix = prefix_of(mount.source, allowed)
    if prefix is None:
        return (
            f"node {node} allows no mount of {mount.source} (agent option --allow-mount {mount.source}, "
            "or a folder above it)"
        )
    return (
        f"node {node} allows a mount of {mount.source} for reading only "
        f"(readOnly: true, or agent option --allow-mount {prefix.prefix})"
    )


def capability_refusal(wanted: Iterable[str], allowed: Iterable[str], *, node: str) -> str:
    """Why the node does not allow these capabilities beyond the default; empty if it does."""
    lacking = sorted(set(wanted) - set(allowed))
    if not lacking:
        return ""
    options = " ".join(f"--allow-capability {name}" for name in lacking)
    return f"node {node} allows no capability {', '.join(lacking)} (agent option {options})"


def refusal(
    desired: Desired,
    allowed: Allowed,
    *,
    allow_privileged: bool,
    remaps_users: bool,
    capabilities: Iterable[str],
    node: str,
) -> Refusal | None:
    """Why this node will not have the VPS as it is declared; None if it will."""
    if desired.privileged and not allow_privileged:
        words = f"node {node} allows no privileged VPSes (agent option --allow-privileged)"
        return Refusal(reasons.PRIVILEGED_NOT_ALLOWED, words)
    if desired.privileged and remaps_users:
        words = (
            f"node {node} cannot run privileged VPSes, because its container engine uses userns-remap: "
            "choose a node whose condition UserNamespaces is False"
        )
        return Refusal(reasons.PRIVILEGED_NOT_POSSIBLE, words)
    for mount in desired.mounts:
        why = mount_refusal(mount, allowed, node=node)
        if why:
            return Refusal(reasons.MOUNT_NOT_ALLOWED, why)
    why = capability_refusal(desired.security.beyond, capabilities, node=node)
    return Refusal(reasons.CAPABILITY_NOT_ALLOWED, why) if why else None
