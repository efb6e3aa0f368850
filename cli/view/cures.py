"""What cures a VPS that no waiting cures: the reason that holds for it, and what somebody does. Pure.

The reasons are those of `kohakuriver.resources.reasons`, which the controller and the agents write. One
counts only where it is about the spec as it is now: after an edit nobody has looked at it yet.
"""

from typing import Any, NamedTuple, Protocol

from kohakuriver import quantity
from kohakuriver.resources import conditions, reasons
from kohakuriver.resources.view import VPS

Object = dict[str, Any]


class Typist(Protocol):
    """Writes a command as its reader has to type it: `standing.Reader`."""

    def command(self, words: str, vps: Object | None = None) -> str: ...


class Cure(NamedTuple):
    """Once what it runs, and what somebody does for that: in words, and the command."""

    once: str
    do: str
    command: str
    aside: str = ""  # what the command alone does not say

    @property
    def line(self) -> str:
        """The command for a page of commands; a shell passes over what is beside it."""
        return f"{self.command}  # {self.aside}" if self.aside else self.command

    @property
    def hint(self) -> str:
        return f"{self.do}: {self.command}"


_BY_EDIT = {
    reasons.NEVER_FITS: ("a node has that much", "ask for less"),
    reasons.NODE_NOT_FOUND: ("that node is there", "name another node (kohakuriver node list)"),
    reasons.NUMA_NODE_NOT_FOUND: ("its node has that NUMA node", "name another NUMA node"),
    reasons.GPU_NOT_FOUND: ("its node has that GPU", "name another GPU"),
    reasons.TAINT_NOT_TOLERATED: ("it tolerates that taint", "add it to spec.tolerations"),
    reasons.PRIVILEGED_NOT_POSSIBLE: ("a node without userns-remap takes it", "name another node"),
    reasons.REJECTED: ("its node takes it", "change what its node does not take"),
    reasons.QUOTA_TOO_SMALL: ("the quota is raised", "ask for less"),
    reasons.QUOTA_WANTS_DISK: ("it says how much disk it takes", "set spec.resources.disk"),
    reasons.SNAPSHOT_ELSEWHERE: ("it may go to the Snapshot's node", "name that node, or another Snapshot"),
    reasons.SNAPSHOT_MISSING: ("that Snapshot is there", "name another Snapshot"),
    reasons.SNAPSHOT_UNUSABLE: ("that Snapshot is as it was taken", "name another Snapshot"),
    reasons.SNAPSHOT_FAILED: ("that Snapshot has files", "name another Snapshot"),
    reasons.IMAGE_NOT_ON_NODE: ("its node has the image", "or name another image"),
    reasons.IMAGE_OF_ANOTHER: ("it names another image", "name another image"),
    reasons.CONTAINER_REFUSED: ("the engine takes what it declares", "correct it"),
    reasons.NOTHING_TO_RUN: ("its program can be run", "correct spec.command"),
    reasons.MOUNT_REFUSED: ("what it mounts is there", "name another folder"),
    reasons.VOLUME_OF_ANOTHER: ("the volume is its own", "name another volume"),
    reasons.IMAGE_NOT_FOUND: ("the registry has the image", "correct the name of the image"),
    reasons.IMAGE_DENIED: ("the registry gives the image", "correct the name of the image"),
    reasons.DISK_LIMIT_EXCEEDED: ("its files take no more than they may", "raise spec.resources.disk"),
}
_OF_VPS = {
    reasons.CRASH_LOOP: ("its main process stays up", "see its output", "logs {name}"),
    reasons.ERROR: ("its main process stays up", "see its output", "logs {name}"),
    reasons.NAME_TAKEN: ("that container is out of the way", "see all of it", "describe vps/{name}"),
    reasons.OTHER_PLACEMENT: ("that container is out of the way", "see all of it", "describe vps/{name}"),
    reasons.CONTAINER_DEAD: ("that container is out of the way", "see all of it", "describe vps/{name}"),
    reasons.CONTAINER_OUTDATED: ("its container can be made anew", "see all of it", "describe vps/{name}"),
    reasons.QUOTA_UNREADABLE: ("the quota can be read", "see it", "get resourcequotas -o yaml"),
}
_OF_CLUSTER = {
    reasons.LABEL_NOT_FOUND: ("a node has the label", "give a node the label", "label node NODE {labels}"),
    reasons.NODE_CORDONED: ("its node is uncordoned", "uncordon it", "node uncordon {node}"),
    reasons.NODE_DRAINING: ("its node is uncordoned", "uncordon it", "node uncordon {node}"),
    reasons.NODE_DRAINED: ("its node is uncordoned", "uncordon it", "node uncordon {node}"),
    reasons.NODE_QUARANTINED: ("its node is accepted", "look at it, then accept it", "node accept {node}"),
    reasons.NO_SUITABLE_NODE: ("one of the nodes takes it", "see the nodes", "node list"),
    reasons.GPU_MISSING: ("the GPU is well again", "see its node", "node status {node}"),
    reasons.ENVIRONMENT_MISSING: (
        "there is that Environment",
        "make it",
        "env create {environment} --image IMAGE",
    ),
    reasons.ENVIRONMENT_FAILED: (
        "that Environment is made",
        "see why it is not",
        "describe environment {environment}",
    ),
}


def vain(vps: Object) -> str:
    """The reason for which waiting for this VPS is in vain; empty where it may come by itself."""
    found = VPS.of(vps)
    if found.word in ("terminating", "running", "paused", "lost"):
        return ""
    if found.reason in reasons.OBSERVED and found.word != "pending":
        return found.reason if found.is_seen else ""
    if found.reason in reasons.SCHEDULING and found.word == "pending":
        scheduled = found.condition(conditions.SCHEDULED)
        return found.reason if scheduled and scheduled.observed_generation == found.generation else ""
    return ""


def cure(vps: Object, reason: str, typist: Typist) -> Cure | None:
    """What helps a VPS with this reason; None for one that nobody has to do anything about."""
    name, spec = VPS.of(vps).name, VPS.of(vps).spec
    if reason in _BY_EDIT:
        once, do = _BY_EDIT[reason]
        return Cure(once, do, typist.command(f"edit vps {name}", vps))
    if reason == reasons.OOM_KILLED:
        return _more_memory(vps, typist)
    if reason in _OF_VPS:
        once, do, words = _OF_VPS[reason]
        return Cure(once, do, typist.command(words.format(name=name), vps))
    if reason in _OF_CLUSTER:
        once, do, words = _OF_CLUSTER[reason]
        labels = " ".join(f"{key}={value}" for key, value in spec.placement.node_selector.items())
        environment = spec.environment or "NAME"
        node = _node(vps)
        do += f" (which: {typist.command('node list')})" if "NODE" in words.replace("{node}", node) else ""
        words = words.format(node=node, labels=labels, environment=environment)
        return Cure(once, do, typist.command(words))
    options = _options(vps, reason)
    if not options:
        return None
    do = f"start the agent of a node with {options}; where `up` made the cluster, after `kohakuriver down`"
    once = "a node allows it" if _node(vps) == "NODE" else "its node allows it"
    aside = "after kohakuriver down; an agent that runs by itself has the same option"
    return Cure(once, do, f"kohakuriver up --detach {options}", aside)


def _more_memory(vps: Object, typist: Typist) -> Cure:
    """Twice what it has: that takes effect while it runs."""
    found = VPS.of(vps)
    more = quantity.format_size(2 * (found.spec.resources.memory_bytes or quantity.size("1Gi")))
    patch = f"""'{{"spec": {{"resources": {{"memory": "{more}"}}}}}}'"""
    words = f"patch vps {found.name} -p {patch}"
    return Cure("its memory is enough", "give it more", typist.command(words, vps))


def _options(vps: Object, reason: str) -> str:
    """The options, of the agent and of `up`, that allow what it declares."""
    spec = VPS.of(vps).spec
    match reason:
        case reasons.MOUNT_NOT_ALLOWED:
            each = [
                f"--allow-mount {one.text('source')}{':ro' * one.flag('readOnly')}" for one in spec.mounts
            ]
        case reasons.PRIVILEGED_NOT_ALLOWED:
            each = ["--allow-privileged"]
        case reasons.CAPABILITY_NOT_ALLOWED:
            each = [f"--allow-capability {name}" for name in spec.capabilities]
        case _:
            each = []
    return " ".join(dict.fromkeys(each))


def _node(vps: Object) -> str:
    """The node that it is on, or that it names."""
    return VPS.of(vps).node or VPS.of(vps).spec.placement.node or "NODE"
