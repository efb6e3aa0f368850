"""What one VPS object asks of this node, read once from its JSON. The way from the API into a Situation.

Fields this agent does not know are ignored, so that a newer server's objects still work. Never writes.
"""

import dataclasses
from typing import Any

from kohakuriver import durations, quantity
from kohakuriver.agent.runtime.base import Limits
from kohakuriver.resources import capabilities
from kohakuriver.resources.storage import ReclaimPolicy
from kohakuriver.resources.vps import DEFAULT_IMAGE, PullPolicy, RestartPolicy, RunState

DEFAULT_GRACE = 10.0  # seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """Who may log in over SSH."""

    keys: tuple[str, ...] = ()
    passwordless: bool = False
    disabled: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the node, seen in the container."""

    source: str
    target: str
    read_only: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """Files kept apart from the container by the engine."""

    name: str
    target: str
    kept: bool = True  # when the VPS is deleted


@dataclasses.dataclass(frozen=True, slots=True)
class Security:
    """What root in the container may do, beside the default."""

    added: tuple[str, ...] = ()  # capabilities, sorted
    dropped: tuple[str, ...] = ()
    no_new_privileges: bool = False

    @property
    def beyond(self) -> tuple[str, ...]:
        """Capabilities that the default has not: the node and a right must allow them."""
        return tuple(name for name in self.added if name not in capabilities.DEFAULT)


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why this node will never create or start it as it is declared now."""

    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """One volume in a Snapshot."""

    name: str  # in `spec.volumes` of the VPS that it was of; "" for one that its image declared
    target: str
    size: int  # bytes
    digest: str  # of the archive with its files


@dataclasses.dataclass(frozen=True, slots=True)
class Around:
    """What the node itself adds to what is asked of it; surroundings.py fills it in."""

    drained: bool = False
    refusal: Refusal | None = None
    machine: str = ""  # all cores of the node; "" where they are not known
    held: str = ""  # cores that are booked for this VPS alone
    quarantine: str = ""  # why nothing may be changed on this node; "" where it may
    no_image: str = ""  # why what it names in place of an image is none; "" where it is, or nobody knows
    snapshot_uid: str = ""  # of the Snapshot that its files are to begin from, where that is there
    kept: tuple[Kept, ...] = ()  # the volumes in it
    bad_gpus: tuple[tuple[str, str], ...] = ()  # (UUID, why), of those that it is granted or holds
    gpus_untold: bool = False  # whether that is so only because nobody can tell which there are
    over_disk: str = ""  # why it was stopped for what its files take; "" where it was not
    frozen_for: str = ""  # the Snapshot for which the agent itself has frozen it; "" where it has not


@dataclasses.dataclass(frozen=True, slots=True)
class Desired:
    """One VPS that is bound to this node: its spec, its placement and what it is granted."""

    namespace: str
    name: str
    uid: str
    epoch: int
    namespace_uid: str = ""  # "" where a server of before has bound it
    grant: str = ""  # the id of what is granted; another one after each release
    proof: str = ""  # that the store has placed it here
    image: str = DEFAULT_IMAGE
    run_state: RunState = RunState.RUNNING
    limits: Limits | None = None  # None: cores and memory are released, so nothing may run
    disk: int | None = None  # bytes that its files may take; None: what the node says
    ssh_port: int | None = None
    login: Login = Login()
    env: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    restart_policy: RestartPolicy = RestartPolicy.ALWAYS
    restart_request: str = ""
    replace_files: int = 0  # its owner's word: higher than the container's, its files may go
    stop_grace: float = DEFAULT_GRACE  # seconds
    deleting: bool = False
    generation: int = 0
    environment: str = ""  # `image` is what it stands for; "" while that is not known
    snapshot: str = ""  # the same, of a Snapshot of its namespace, in place of any other image
    keep_replaced: str | float = ""  # how long files that are given up are kept; "" for not at all
    mounts: tuple[Mount, ...] = ()
    volumes: tuple[Volume, ...] = ()
    privileged: bool = False
    security: Security = Security()
    exclusive: bool = False  # limits.cpuset is this VPS's alone
    numa: int | None = None
    gpus: tuple[str, ...] = ()  # UUIDs, as granted
    around: Around = Around()

    @property
    def is_halted(self) -> bool:
        """Whether it is to be down: by its owner's wish, for a drain of its node, or for its disk."""
        down = self.run_state is RunState.STOPPED
        return down or self.around.drained or bool(self.around.over_disk)

    @property
    def wants_up(self) -> bool:
        """Whether it is to be up, and something is granted to it for that."""
        return not self.is_halted and self.limits is not None

    @property
    def container_name(self) -> str:
        """The only name under which a container is this VPS's."""
        return container_name(self.namespace, self.name, self.uid)


def container_name(namespace: str, name: str, uid: str) -> str:
    """What the container of that VPS is called."""
    return f"kohakuriver-{namespace}-{name}-{uid[:8]}"


def read(vps: dict[str, Any], *, node: str) -> Desired | None:
    """What `vps` asks of `node`, to be completed by surroundings.py; None when it is not bound there.

    Raises ValueError.
    """
    assignment = (vps.get("status") or {}).get("assignment") or {}
    if assignment.get("node") != node:
        return None
    meta, spec = vps["metadata"], vps.get("spec") or {}
    grant = assignment.get("grant") or {}
    return Desired(
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        uid=meta["uid"],
        epoch=int(assignment["epoch"]),
        namespace_uid=str(assignment.get("namespaceUid") or ""),
        grant=assignment.get("grantId") or "",
        proof=str(assignment.get("proof") or ""),
        image=_image(spec),
        run_state=RunState(spec.get("runState") or RunState.RUNNING),
        limits=_limits(grant),
        disk=_disk(spec.get("resources") or {}),
        ssh_port=grant.get("sshPort"),
        login=_login(spec.get("ssh") or {}),
        env=tuple(sorted((spec.get("env") or {}).items())),
        command=tuple(spec.get("command") or ()),
        pull_policy=PullPolicy(spec.get("imagePullPolicy") or PullPolicy.IF_NOT_PRESENT),
        restart_policy=RestartPolicy(spec.get("restartPolicy") or RestartPolicy.ALWAYS),
        restart_request=spec.get("restartRequest") or "",
        replace_files=int(spec.get("replaceFiles") or 0),
        stop_grace=_grace(meta, spec),
        deleting=bool(meta.get("deletionTimestamp")),
        generation=int(meta.get("generation") or 0),
        environment=spec.get("environment") or "",
        snapshot=str((spec.get("filesFrom") or {}).get("snapshot") or ""),
        keep_replaced=_keep_replaced(spec.get("keepReplacedFiles")),
        mounts=tuple(
            Mount(one["source"], one["target"], bool(one.get("readOnly"))) for one in spec.get("mounts") or ()
        ),
        volumes=tuple(
            Volume(one["name"], one["target"], one.get("reclaimPolicy") != ReclaimPolicy.DELETE)
            for one in spec.get("volumes") or ()
        ),
        privileged=bool(spec.get("privileged")),
        security=_security(spec.get("security") or {}),
        exclusive=bool(grant.get("cpuset")),
        numa=grant.get("numa"),
        gpus=tuple(sorted(grant.get("gpus") or ())),
    )


def _image(spec: dict[str, Any]) -> str:
    """The image that is named; "" where something else says which one it is."""
    if spec.get("filesFrom"):
        return ""
    return spec.get("image") or ("" if spec.get("environment") else DEFAULT_IMAGE)


def _keep_replaced(declared: str | float | None) -> str | float:
    if declared is None or not durations.parse(declared):
        return ""
    return declared


def _limits(grant: dict[str, Any]) -> Limits | None:
    if grant.get("cores") is None or grant.get("memory") is None:
        return None
    return Limits(
        millicores=quantity.millicores(grant["cores"]),
        memory=quantity.size(grant["memory"]),
        cpuset=grant.get("cpuset") or "",
    )


def _disk(resources: dict[str, Any]) -> int | None:
    declared = resources.get("disk")
    size = None if declared is None else quantity.size(declared)
    if size is not None and size < 1:
        raise ValueError(f"resources.disk is {declared}, and must be above 0")
    return size


def _login(ssh: dict[str, Any]) -> Login:
    return Login(
        keys=tuple(key.strip() for key in ssh.get("authorizedKeys") or ()),
        passwordless=bool(ssh.get("passwordless")),
        disabled=bool(ssh.get("disabled")),
    )


def _security(security: dict[str, Any]) -> Security:
    named = security.get("capabilities") or {}
    return Security(
        added=tuple(sorted(named.get("add") or ())),
        dropped=tuple(sorted(named.get("drop") or ())),
        no_new_privileges=bool(security.get("noNewPrivileges")),
    )


def _grace(meta: dict[str, Any], spec: dict[str, Any]) -> float:
    """A deletion may name a grace of its own; 0 means: kill it."""
    asked = meta.get("deletionGracePeriodSeconds") if meta.get("deletionTimestamp") else None
    declared = spec.get("stopGracePeriod")
    grace = DEFAULT_GRACE if declared is None else durations.parse(declared)
    return min(grace if asked is None else float(asked), durations.LONGEST_GRACE)
