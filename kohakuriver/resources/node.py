"""Node: one machine with a container engine. Its agent creates it and writes `status`."""

from typing import Annotated, Any, Literal

import pydantic

from kohakuriver.resources import meta, storage

MOST_DEVICES = 1024  # NUMA nodes, or GPUs
MOST_IMAGES = 5000
MOST_VOLUMES = 1000
MOST_UNKNOWN = 400  # containers; what one object can hold beside all else

Number = Annotated[int, pydantic.Field(ge=0, lt=MOST_DEVICES)]


def at_most(count: int) -> Any:
    """How long a list may be: every server and every controller reads it."""
    return pydantic.Field(max_length=count)


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

    cores: meta.CoresFound
    """Cores as a quantity."""
    memory: meta.MemoryFound
    """Memory as a quantity."""


class SSHPorts(meta.Model):
    """The ports from which VPSes of this node get theirs."""

    address: str
    """The address the engine publishes them on."""
    first: meta.Port
    """The first port."""
    last: meta.Port
    """The last port."""


class NUMANode(meta.Model):
    """Cores and memory that lie close to each other."""

    id: Number
    """Its number on the machine."""
    cpuset: meta.CPUSet
    """Its cores, as the kernel writes them ("0-7,16-23")."""
    memory: meta.MemoryFound | None = None
    """Its memory as a quantity."""


class GPU(meta.Model):
    """One graphics processor."""

    index: Number
    """Its number on the machine, which may change with a boot."""
    uuid: Annotated[str, pydantic.Field(min_length=1, max_length=128)]
    """Its name for good."""
    model: str | None = None
    """Its model."""
    memory: meta.MemoryFound | None = None
    """Its memory as a quantity."""
    numa: Number | None = None
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

    container: Annotated[str, pydantic.Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", max_length=255)]
    """Its name in the engine."""
    namespace: str | None = None
    """The namespace of the VPS it was made for."""
    vps: str | None = None
    """The name of that VPS."""
    uid: str | None = None
    """The uid of that VPS."""
    epoch: Annotated[int, pydantic.Field(ge=1)] | None = None
    """The placement it was made for."""
    state: str | None = None
    """The engine's word for how it is."""
    image: str | None = None
    """The image it was made from."""
    cores: meta.CoresFound | None = None
    """The cores it is limited to."""
    cpuset: meta.CPUSet | None = None
    """The cores it has for itself; absent where it shares."""
    memory: meta.MemoryFound | None = None
    """The memory it is limited to."""
    gpus: Annotated[list[str] | None, at_most(MOST_DEVICES)] = None
    """The UUIDs of its GPUs."""
    ssh_port: meta.Port | None = None
    """The port of the node that it publishes SSH on."""
    proof: Annotated[str | None, pydantic.Field(max_length=64)] = None
    """The proof in its labels that the store once placed it here; what agents of before made has none."""


class Quarantine(meta.Model):
    """Why nothing is changed on a node: what the API says may be older than what is so there."""

    id: str
    """What `spec.accepts` has to say to end it."""
    since: meta.Timestamp
    """When it began."""
    why: str
    """What it is because of, in words."""


class DefaultImage(meta.Model):
    """The image kohakuriver/debian-ssh, which `kohakuriver image build` makes on the node."""

    present: bool
    """Whether the engine has it."""
    built: meta.Timestamp | None = None
    """When it was built."""


class NodeStatus(meta.Model):
    """What the agent found."""

    capacity: Capacity | None = None
    """What the machine has."""
    allocatable: Capacity | None = None
    """What VPSes may book: capacity less the reserve."""
    cpu_overcommit: meta.Ratio | None = None
    """How often each of its cores is given to VPSes that share them, such as "4" or "1.5"; absent: once
    (`kohakuriver agent --cpu-overcommit`)."""
    ssh_ports: SSHPorts | None = None
    """The ports for SSH; absent where the node publishes none."""
    numa: Annotated[list[NUMANode] | None, at_most(MOST_DEVICES)] = None
    """The machine's NUMA nodes with all cores that VPSes may run on; one where it has no such thing."""
    gpus: Annotated[list[GPU] | None, at_most(MOST_DEVICES)] = None
    """The machine's GPUs."""
    allow_mounts: Annotated[list[AllowedMount] | None, at_most(1000)] = None
    """What VPSes may mount (`kohakuriver agent --allow-mount`)."""
    allow_privileged: bool | None = None
    """Whether VPSes may be privileged (`kohakuriver agent --allow-privileged`)."""
    allow_capabilities: Annotated[list[str] | None, at_most(64)] = None
    """Capabilities beyond the default that VPSes may have (`kohakuriver agent --allow-capability`)."""
    volumes: Annotated[list[NodeVolume] | None, at_most(MOST_VOLUMES)] = None
    """Volumes that the engine holds."""
    conditions: Annotated[list[meta.Condition] | None, meta.keyed_by("type")] = None
    """Ready, RuntimeReady, NetworkIsolated, EgressEnforced, UserNamespaces, DiskPressure, DataDirWritable,
    GPUsReady, ProcessesVisible, Quarantined, Drained."""
    node_info: NodeInfo | None = None
    """What the machine and its programs are."""
    images: Annotated[list[str] | None, at_most(MOST_IMAGES)] = None
    """The images the engine holds."""
    default_image: DefaultImage | None = None
    """The image that VPSes start from by default."""
    unknown: Annotated[list[UnknownContainer] | None, at_most(MOST_UNKNOWN)] = None
    """Containers of this cluster that no VPS accounts for: left alone; what they hold is nobody else's."""
    history: str | None = None
    """The history of the store in which the agent looked for those."""
    quarantine: Quarantine | None = None
    """Nothing is created, changed or removed here until a person has looked at the node."""

    @pydantic.field_validator("gpus")
    @classmethod
    def _each_gpu_once(cls, gpus: list[GPU] | None) -> list[GPU] | None:
        """Who is named twice would be given to two VPSes."""
        twice = storage.doubled([gpu.uuid for gpu in gpus or ()])
        if twice:
            raise ValueError(f"two GPUs have the UUID {twice}")
        return gpus

    @pydantic.field_validator("numa")
    @classmethod
    def _each_numa_node_once(cls, numa: list[NUMANode] | None) -> list[NUMANode] | None:
        twice = storage.doubled([str(node.id) for node in numa or ()])
        if twice:
            raise ValueError(f"two NUMA nodes have the number {twice}")
        return numa


class Node(meta.Object):
    """One machine that VPSes run on."""

    spec: NodeSpec = pydantic.Field(default_factory=NodeSpec)
    """What the administrator declares."""
    status: NodeStatus | None = None
    """What the agent found."""
