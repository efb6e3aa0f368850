"""VPS: a long-lived container that somebody works in.

The user writes `spec`; who writes which part of `status` is in docs/design/001-one-path.md.
"""

import enum
from typing import Annotated, Literal

import pydantic

from kohakuriver import quantity
from kohakuriver.resources import container, meta, public_key, snapshot, storage
from kohakuriver.resources.placement import GPURequest, Placement, Toleration
from kohakuriver.resources.security import Security
from kohakuriver.resources.storage import Mount, ReclaimPolicy, Volume

__all__ = ["GPURequest", "Mount", "Placement", "ReclaimPolicy", "Toleration", "Volume"]

DEFAULT_IMAGE = "kohakuriver/debian-ssh"


class RunState(enum.StrEnum):
    """What the user wants of the container."""

    RUNNING = "Running"
    PAUSED = "Paused"
    STOPPED = "Stopped"


class RestartPolicy(enum.StrEnum):
    """What follows when the main process exits by itself."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class PullPolicy(enum.StrEnum):
    """When the node asks a registry for the image."""

    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"
    NEVER = "Never"


class Phase(enum.StrEnum):
    """Where a VPS stands, in one word; derived by the server."""

    PENDING = "pending"
    ASSIGNING = "assigning"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    LOST = "lost"


class ObservedState(enum.StrEnum):
    """What the agent saw of the container."""

    PREPARING = "preparing"
    CREATING = "creating"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    BACKOFF = "backoff"
    STOPPED = "stopped"
    FAILED = "failed"
    REMOVING = "removing"


class Resources(meta.Model):
    """What the VPS may use, and what is booked for it on its node."""

    cores: meta.Cores = 1
    """CPU cores as a quantity: 2, 0.5 or 500m."""
    memory: meta.Memory = "1Gi"
    """Memory as a quantity: 4Gi (powers of 1024) or 4G (powers of 1000); swap is not added."""
    disk: meta.Disk | None = None
    """What the files of the VPS may take on its node, volumes included, as a quantity: 20Gi. By default what
    the node says (`kohakuriver agent --default-disk`)."""
    exclusive: bool | None = None
    """Whole cores that no other VPS runs on; `cores` is a whole number then."""

    @pydantic.field_validator("exclusive")
    @classmethod
    def _whole_cores(cls, exclusive: bool | None, info: pydantic.ValidationInfo) -> bool | None:
        cores = info.data.get("cores")
        if exclusive and cores is not None and quantity.millicores(cores) % 1000:
            raise ValueError(f'invalid number of exclusive cores "{cores}": use a whole number')
        return exclusive


def _a_key(key: str) -> str:
    why = public_key.trouble(key)
    if why:
        raise ValueError(f'invalid OpenSSH public key ("ssh-ed25519 AAAA… name"): {why}')
    return key


PublicKey = Annotated[str, pydantic.AfterValidator(_a_key)]


class SSH(meta.Model):
    """How people log in over SSH. Exactly one of the three; without keys sshd runs and nobody can log in."""

    authorized_keys: Annotated[list[PublicKey] | None, meta.a_set()] = None
    """OpenSSH public keys that may log in as root."""
    passwordless: bool | None = None
    """Anybody who reaches the port is root. Published on loopback only."""
    disabled: bool | None = None
    """No sshd and no port."""

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> "SSH":
        ways = [self.authorized_keys is not None, bool(self.passwordless), bool(self.disabled)]
        if sum(ways) > 1:
            raise ValueError("set only one of authorizedKeys, passwordless and disabled")
        return self


class Sessions(meta.Model):
    """Terminals of `kohakuriver connect`."""

    detached_for: meta.Duration = "24h"
    """How long a shell is kept when nobody is connected to it; then it is hung up. A stop ends it too."""


class VPSSpec(meta.Model):
    """What the user declares."""

    run_state: RunState = pydantic.Field(default=RunState.RUNNING, strict=False)
    """Running, Paused or Stopped. Stopped keeps the files and the node."""
    image: container.ImageName | None = None
    """The container image, by default kohakuriver/debian-ssh. Another takes effect with `replaceFiles`."""
    environment: Annotated[str, pydantic.Field(pattern=meta.SUBDOMAIN_PATTERN, max_length=253)] | None = None
    """The Environment that says what image it is. Another takes effect with `replaceFiles`."""
    resources: Resources = pydantic.Field(default_factory=Resources)
    """Cores and memory."""
    placement: Placement | None = None
    """Where it may run; absent means anywhere."""
    priority: Annotated[int, pydantic.Field(ge=-1_000_000, le=1_000_000)] = 0
    """Orders the queue of pending VPSes, highest first. Nothing is pre-empted."""
    tolerations: list[Toleration] | None = None
    """Taints it does not mind."""
    ssh: SSH = pydantic.Field(default_factory=SSH)
    """Who may log in."""
    mounts: Annotated[list[Mount] | None, meta.keyed_by("target")] = None
    """Folders of the node. The node and the user's role must allow them. Take effect at the next restart."""
    volumes: Annotated[list[Volume] | None, meta.keyed_by("name")] = None
    """Files kept apart from the container. Take effect at the next restart."""
    privileged: bool | None = None
    """All of the machine's devices and rights. The node and the user's role must allow it."""
    security: Security | None = None
    """What root in the container may do. Takes effect at the next restart."""
    env: container.Variables | None = None
    """Environment variables. Whoever may read the VPS can read them."""
    command: container.Command | None = None
    """Runs in place of the keep-alive that otherwise keeps the container up and sshd running."""
    restart_policy: RestartPolicy = pydantic.Field(default=RestartPolicy.ALWAYS, strict=False)
    """What follows when the main process exits by itself; with a backoff of 1 to 60 s."""
    restart_request: str | None = None
    """Any text; a change of it restarts the VPS once."""
    replace_files: Annotated[int, pydantic.Field(ge=0, le=2**31 - 1)] | None = None
    """A number; a higher one than before gives the files up once: it restarts from the image named now."""
    files_from: snapshot.FilesFrom | None = None
    """What its files begin from in place of the image. Another takes effect with `replaceFiles`."""
    keep_replaced_files: meta.Duration | None = None
    """How long the files that `replaceFiles` gives up are kept, as a Snapshot; absent: not at all."""
    snapshots: snapshot.Plan | None = None
    """When snapshots of it are taken, and how."""
    stop_grace_period: meta.Grace = "10s"
    """How long the main process may take to end before it is killed."""
    sessions: Sessions = pydantic.Field(default_factory=Sessions)
    """Terminals of `kohakuriver connect`."""
    image_pull_policy: PullPolicy = pydantic.Field(default=PullPolicy.IF_NOT_PRESENT, strict=False)
    """When the node asks the registry for the image."""
    on_node_lost: Literal["Wait"] = "Wait"
    """What follows when its node is lost: it waits for the node, where its files are."""

    @pydantic.field_validator("environment")
    @classmethod
    def _in_place_of_image(cls, environment: str | None, info: pydantic.ValidationInfo) -> str | None:
        if environment is not None and info.data.get("image") is not None:
            raise ValueError("it stands in place of image: set one of the two")
        return environment

    @pydantic.field_validator("mounts")
    @classmethod
    def _targets_differ(cls, mounts: list[Mount] | None) -> list[Mount] | None:
        twice = storage.doubled([mount.target for mount in mounts or ()])
        if twice:
            raise ValueError(f"two mounts have the target {twice}")
        return mounts

    @pydantic.field_validator("volumes")
    @classmethod
    def _volumes_differ(
        cls, volumes: list[Volume] | None, info: pydantic.ValidationInfo
    ) -> list[Volume] | None:
        twice = storage.doubled([volume.name for volume in volumes or ()])
        if twice:
            raise ValueError(f"two volumes are named {twice}")
        mounted = [mount.target for mount in info.data.get("mounts") or ()]
        taken = storage.doubled([*mounted, *(volume.target for volume in volumes or ())])
        if taken:
            raise ValueError(f"the target {taken} is another mount's or volume's")
        return volumes

    @pydantic.field_validator("security")
    @classmethod
    def _less_than_privileged(
        cls, security: Security | None, info: pydantic.ValidationInfo
    ) -> Security | None:
        if security is not None and security.capabilities is not None and info.data.get("privileged"):
            raise ValueError("privileged gives every capability: remove privileged, or capabilities")
        return security

    @pydantic.model_validator(mode="after")
    def _default_image(self) -> "VPSSpec":
        if self.image is None and self.environment is None:
            self.image = DEFAULT_IMAGE
        return self


class Grant(meta.Model):
    """What is booked on the node. While the VPS is stopped only the port is."""

    cores: meta.CoresFound | None = None
    """Cores as a quantity."""
    memory: meta.MemoryFound | None = None
    """Memory as a quantity."""
    cpuset: meta.CPUSet | None = None
    """The cores that are this VPS's alone, as the kernel writes them ("0-3,8"); absent for shared ones."""
    numa: int | None = None
    """The NUMA node it is pinned to."""
    gpus: list[str] | None = None
    """The UUIDs of its GPUs."""
    ssh_port: int | None = None
    """The port the node publishes sshd on."""


class Assignment(meta.Model):
    """The node this VPS is bound to."""

    node: str
    """The node's name."""
    epoch: int
    """Which placement this is, counted from 1."""
    id: str
    """Random; tells this binding from every other."""
    grant_id: str | None = None
    """Random; tells what is granted now from what was before: `bind` and `regrant` give another."""
    proof: str | None = None
    """The store's word that it placed it there; its container carries it, in case the store forgets."""
    namespace_uid: str | None = None
    """The uid of its namespace: volumes of an earlier one of that name are not given to it."""
    bound_at: meta.Timestamp
    """When it was bound."""
    grant: Grant
    """What is booked."""


class ContainerStatus(meta.Model):
    """The container as the engine has it."""

    id: str | None = None
    """The engine's id."""
    name: str | None = None
    """The engine's name for it."""
    image: str | None = None
    """The image it was created from."""
    ip: Annotated[str, pydantic.Field(max_length=45, pattern=r"^[0-9A-Fa-f.:]+$")] | None = None
    """Its address on its node's network, which leads nowhere from elsewhere; absent while it does not run."""
    started_at: meta.Timestamp | None = None
    """When it was last started."""
    finished_at: meta.Timestamp | None = None
    """When it last ended."""
    restarts: int | None = None
    """How often it was started again since it was created."""
    exit_code: int | None = None
    """The code it last ended with."""
    oom_killed: bool | None = None
    """Whether it last ended because memory ran out."""


class SSHStatus(meta.Model):
    """How SSH stands."""

    state: Literal["ready", "waiting", "unavailable", "disabled"]
    """`ready` once a handshake with the host key below has succeeded."""
    message: str | None = None
    """Why it is not ready."""
    host_key: str | None = None
    """The host's public key, as known_hosts has it."""


class Observed(meta.Model):
    """What the agent of the bound node saw."""

    epoch: int
    """The placement this is about."""
    session: str | None = None
    """The agent process that reports."""
    sequence: Annotated[int, pydantic.Field(ge=0)] | None = None
    """Orders the reports on one placement; one that is not above the last is refused."""
    grant_id: str | None = None
    """The grant that the agent acted on."""
    state: ObservedState | None = pydantic.Field(default=None, strict=False)
    """What the agent saw, in one word; absent until it has reported on the present grant."""
    reason: str | None = None
    """One CamelCase word for it."""
    message: str | None = None
    """One sentence for it."""
    container: ContainerStatus | None = None
    """The container as the engine has it."""
    grant: Grant | None = None
    """What the container is limited to now; cpuset and gpus as they were granted and are applied."""
    ssh: SSHStatus | None = None
    """How SSH stands."""
    restart_request: str | None = None
    """The last restart request acted upon."""
    replace_files: int | None = None
    """The last `replaceFiles` acted upon."""


class VPSStatus(meta.Model):
    """Where the VPS stands."""

    phase: Phase | None = pydantic.Field(default=None, strict=False)
    """pending, assigning, running, paused, stopped or lost."""
    reason: str | None = None
    """One CamelCase word for why."""
    message: str | None = None
    """One sentence for why."""
    epoch: int | None = None
    """How often it was placed."""
    assignment: Assignment | None = None
    """The node it is bound to."""
    observed: Observed | None = None
    """What that node's agent saw."""
    unreachable_since: meta.Timestamp | None = None
    """Since when its node has been silent."""
    rejected_by: dict[str, str] | None = None
    """Nodes that will not take this generation of the spec, and why."""
    rejected_under: dict[str, str] | None = None
    """What those nodes had to offer then; one that offers something else is asked again."""
    conditions: Annotated[list[meta.Condition] | None, meta.keyed_by("type")] = None
    """Scheduled, SSHReady, NodeReachable, RestartRequired, GPUHealthy, FilesLost."""
    observed_generation: int | None = None
    """The spec that the agent has acted on."""


class VPS(meta.Object):
    """A long-lived, interactive container on one of the cluster's nodes."""

    spec: VPSSpec = pydantic.Field(default_factory=VPSSpec)
    """What the user declares."""
    status: VPSStatus | None = None
    """Where it stands; written by the programs."""
