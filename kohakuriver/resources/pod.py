"""Pod: a VPS in the form in which Kubernetes' clients look for one. Shown, never stored and never written."""

from typing import Any, Literal

import pydantic

from kohakuriver.resources import meta


class PodVariable(meta.Model):
    """A variable of the environment, by name alone."""

    name: str
    """Its name; the value is shown in the VPS only."""


class PodResources(meta.Model):
    """What the container may use, and what is booked for it: the same."""

    limits: dict[str, str] | None = None
    """What it may use."""
    requests: dict[str, str] | None = None
    """What is booked for it."""


class Container(meta.Model):
    """A Pod's one container."""

    name: str
    """Always "vps"."""
    image: str | None = None
    """The image declared; "environment/NAME" where an Environment says which."""
    command: list[str] | None = None
    """What runs in it, where that was declared."""
    env: list[PodVariable] | None = None
    """The names of its variables."""
    image_pull_policy: str | None = None
    """When the node asks the registry for the image."""
    resources: PodResources | None = None
    """Cores, memory and GPUs."""
    stdin: bool | None = None
    """Whether a session may have an input."""
    tty: bool | None = None
    """Whether a session may have a terminal."""


class PodSpec(meta.Model):
    """What was declared of the VPS, as far as a Pod has a field for it."""

    containers: list[Container]
    """The one container."""
    node_name: str | None = None
    """The node it is placed on."""
    node_selector: meta.Labels | None = None
    """Labels that its node must carry."""
    restart_policy: str | None = None
    """What follows when the main process exits by itself."""
    priority: int | None = None
    """Orders the queue of those that wait for a node."""
    hostname: str | None = None
    """The VPS's name."""
    security_context: dict[str, Any] | None = None
    """Always empty: what a VPS may do is in the VPS only."""


class PodCondition(meta.Model):
    """One thing that is so, is not so, or is not known of a Pod."""

    type: str
    """PodScheduled, Initialized, ContainersReady or Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    last_transition_time: str | None = None
    """Since when."""
    reason: str | None = None
    """One CamelCase word for why."""
    message: str | None = None
    """One sentence for why."""


class ContainerState(meta.Model):
    """How the container is; exactly one of the three, or none."""

    running: dict[str, Any] | None = None
    """It runs, since `startedAt`."""
    waiting: dict[str, Any] | None = None
    """It does not run yet, for `reason`."""
    terminated: dict[str, Any] | None = None
    """It ended with `exitCode`."""


class PodContainerStatus(meta.Model):
    """The container as the engine has it."""

    name: str
    """Always "vps"."""
    ready: bool
    """Whether one can work in it."""
    started: bool | None = None
    """Whether it runs."""
    restart_count: int
    """How often it was started again since it was created."""
    image: str
    """The image it was created from."""
    image_id: str = pydantic.Field(alias="imageID")
    """The same."""
    container_id: str | None = pydantic.Field(default=None, alias="containerID")
    """The engine's id, behind "docker://"."""
    state: ContainerState
    """How it is."""
    last_state: ContainerState
    """How it ended the last time."""


class PodAddress(meta.Model):
    """One address."""

    ip: str
    """As it is written."""


class PodStatus(meta.Model):
    """Where the VPS stands, in a Pod's words."""

    phase: Literal["Pending", "Running", "Unknown"] | None = None
    """Pending, Running (paused ones too), Unknown (lost). Stopped VPSes are not shown as Pods."""
    reason: str | None = None
    """One CamelCase word for why."""
    message: str | None = None
    """One sentence for why."""
    qos_class: str | None = None
    """Guaranteed: what may be used is booked."""
    start_time: str | None = None
    """When it was placed on its node."""
    pod_ip: str | None = pydantic.Field(default=None, alias="podIP")
    """Its address on its node's network, which leads nowhere from elsewhere."""
    pod_ips: list[PodAddress] | None = pydantic.Field(default=None, alias="podIPs")
    """The same, as a list."""
    conditions: list[PodCondition] | None = None
    """PodScheduled, Initialized, ContainersReady and Ready."""
    container_statuses: list[PodContainerStatus] | None = None
    """The one container, once it has a node."""


class Pod(meta.Object):
    """A VPS that runs, or is to run, as a Pod: read-only; write the VPS instead."""

    spec: PodSpec
    """What was declared."""
    status: PodStatus | None = None
    """Where it stands."""
