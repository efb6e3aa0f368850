"""Kubernetes' own Node: one of ours in the form in which its clients look for one. Shown and never stored."""

from typing import Literal

import pydantic

from kohakuriver.resources import meta


class NodeTaint(meta.Model):
    """Keeps VPSes off that do not tolerate it."""

    key: str
    """The taint's key."""
    value: str | None = None
    """The taint's value."""
    effect: str
    """NoSchedule or PreferNoSchedule."""


class NodeSpec(meta.Model):
    """What the administrator declares."""

    unschedulable: bool | None = None
    """No new VPS is placed here. The one field that can be written: it cordons, and ends a drain."""
    taints: list[NodeTaint] | None = None
    """Keep off VPSes that do not tolerate them."""


class NodeCondition(meta.Model):
    """One thing that is so, is not so, or is not known of a node."""

    type: str
    """Ready, and those that nodes.kohakuriver.io have beside."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    reason: str | None = None
    """One CamelCase word for why."""
    message: str | None = None
    """One sentence for why."""
    last_transition_time: str | None = None
    """Since when."""


class NodeAddress(meta.Model):
    """Where a node is."""

    type: Literal["Hostname"]
    """What sort of address it is."""
    address: str
    """The machine's host name."""


class NodeSystemInfo(meta.Model):
    """What the machine and its programs are; empty where the agent did not say."""

    architecture: str
    """The processor's architecture."""
    boot_id: str = pydantic.Field(alias="bootID")
    """Changes with every boot."""
    container_runtime_version: str
    """The engine's name and version."""
    kernel_version: str
    """The kernel's release."""
    kube_proxy_version: str
    """Empty: there is none."""
    kubelet_version: str
    """The agent's version."""
    machine_id: str = pydantic.Field(alias="machineID")
    """The node's uid."""
    operating_system: str
    """linux."""
    os_image: str
    """The distribution's name."""
    system_uuid: str = pydantic.Field(alias="systemUUID")
    """The node's uid."""


class NodeStatus(meta.Model):
    """What the agent found."""

    capacity: dict[str, str] | None = None
    """What the machine has."""
    allocatable: dict[str, str] | None = None
    """What VPSes may book."""
    conditions: list[NodeCondition] | None = None
    """How it stands."""
    addresses: list[NodeAddress] | None = None
    """Where it is."""
    node_info: NodeSystemInfo
    """What the machine and its programs are."""


class Node(meta.Object):
    """A node in Kubernetes' form: read-only but for `spec.unschedulable`, labels and annotations."""

    spec: NodeSpec
    """What the administrator declares."""
    status: NodeStatus
    """What the agent found."""
