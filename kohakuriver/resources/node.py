"""Node: one machine with a container engine. Its agent creates it and writes `status`."""

from typing import Annotated, Literal

import pydantic

from kohakuriver.resources import meta


class Taint(meta.Model):
    """Keeps VPSes off that do not tolerate it; as in Kubernetes."""

    key: str
    """The taint's key."""
    value: str | None = None
    """The taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule"]
    """Whether VPSes are kept off or only put elsewhere where possible."""


class NodeSpec(meta.Model):
    """What the administrator declares."""

    unschedulable: bool | None = None
    """No new VPS is placed here (`kohakuriver node cordon`)."""
    drain: bool | None = None
    """VPSes here stop, their spec untouched, and start again when this is taken back."""
    taints: list[Taint] | None = None
    """Keep off VPSes that do not tolerate them."""
    accepts: str | None = None
    """The id of a quarantine that is over, or of a history of the store: a person has looked at the node
    (`kohakuriver node accept`)."""


class Capacity(meta.Model):
    """An amount of what a machine has."""

    cores: str
    """Cores as a quantity."""
    memory: str
    """Memory as a quantity."""


class SSHPorts(meta.Model):
    """The ports from which VPSes of this node get theirs."""

    address: str
    """The address the engine publishes them on."""
    first: Annotated[int, pydantic.Field(ge=1, le=65535)]
    """The first port."""
    last: Annotated[int, pydantic.Field(ge=1, le=65535)]
    """The last port."""


class NUMANode(meta.Model):
    """Cores and memory that lie close to each other."""

    id: int
    """Its number on the machine."""
    cpuset: str
    """Its cores, as the kernel writes them ("0-7,16-23")."""
    memory: str | None = None
    """Its memory as a quantity."""


class GPU(meta.Model):
    """One graphics processor."""

    index: int
    """Its number on the machine, which may change with a boot."""
    uuid: str
    """Its name for good."""
    model: str | None = None
    """Its model."""
    memory: str | None = None
    """Its memory as a quantity."""
    numa: int | None = None
    """The NUMA node it is close to."""
    healthy: bool = True
    """Whether it may be given to a VPS."""


class AllowedMount(meta.Model):
    """Folders of the machine that VPSes may mount."""

    prefix: str
    """The folder; everything below it may be mounted too."""
    read_only: bool = False
    """Whether only to read."""


class NodeVolume(meta.Model):
    """A volume that the engine holds for a VPS, or has kept for one of its name."""

    namespace: str
    """The VPS's namespace."""
    vps: str
    """The VPS's name."""
    name: str
    """The volume's name in that VPS."""


class NodeInfo(meta.Model):
    """What the machine and its programs are."""

    hostname: str | None = None
    """The machine's host name."""
    operating_system: str | None = None
    """The distribution's name."""
    kernel_version: str | None = None
    """The kernel's release."""
    architecture: str | None = None
    """The processor's architecture."""
    runtime_version: str | None = None
    """The engine's name and version."""
    agent_version: str | None = None
    """The agent's version."""
    boot_id: str | None = None
    """Changes with every boot."""


class UnknownContainer(meta.Model):
    """A container of this cluster that no VPS accounts for."""

    container: str
    """Its name in the engine."""
    namespace: str | None = None
    """The namespace of the VPS it was made for."""
    vps: str | None = None
    """The name of that VPS."""
    uid: str | None = None
    """The uid of that VPS."""
    epoch: int | None = None
    """The placement it was made for."""
    state: str | None = None
    """The engine's word for how it is."""
    image: str | None = None
    """The image it was made from."""
    cores: str | None = None
    """The cores it is limited to."""
    memory: str | None = None
    """The memory it is limited to."""
    gpus: list[str] | None = None
    """The UUIDs of its GPUs."""
    ssh_port: int | None = None
    """The port of the node that it publishes SSH on."""


class Quarantine(meta.Model):
    """Why nothing is changed on a node: what the API says may be older than what is so there."""

    id: str
    """What `spec.accepts` has to say to end it."""
    since: meta.Timestamp
    """When it began."""
    why: str
    """What it is because of, in words."""


class NodeStatus(meta.Model):
    """What the agent found."""

    capacity: Capacity | None = None
    """What the machine has."""
    allocatable: Capacity | None = None
    """What VPSes may book: capacity less the reserve."""
    ssh_ports: SSHPorts | None = None
    """The ports for SSH; absent where the node publishes none."""
    numa: list[NUMANode] | None = None
    """The machine's NUMA nodes with all cores that VPSes may run on; one where it has no such thing."""
    gpus: list[GPU] | None = None
    """The machine's GPUs."""
    allow_mounts: list[AllowedMount] | None = None
    """What VPSes may mount (`kohakuriver agent --allow-mount`)."""
    allow_privileged: bool | None = None
    """Whether VPSes may be privileged (`kohakuriver agent --allow-privileged`)."""
    volumes: list[NodeVolume] | None = None
    """Volumes that the engine holds."""
    conditions: Annotated[list[meta.Condition] | None, meta.keyed_by("type")] = None
    """Ready, RuntimeReady, NetworkIsolated, DiskPressure, GPUsReady, Quarantined."""
    node_info: NodeInfo | None = None
    """What the machine and its programs are."""
    images: list[str] | None = None
    """The images the engine holds."""
    unknown: list[UnknownContainer] | None = None
    """Containers of this cluster that no VPS accounts for: left alone; what they hold is nobody else's."""
    history: str | None = None
    """The history of the store in which the agent looked for those."""
    quarantine: Quarantine | None = None
    """Nothing is created, changed or removed here until a person has looked at the node."""


class Node(meta.Object):
    """One machine that VPSes run on."""

    spec: NodeSpec = pydantic.Field(default_factory=NodeSpec)
    """What the administrator declares."""
    status: NodeStatus | None = None
    """What the agent found."""
