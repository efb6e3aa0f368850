"""PodMetrics and NodeMetrics of metrics.k8s.io: what VPSes use. Measured when asked for, and never stored."""

from kohakuriver.resources import meta


class ContainerMetrics(meta.Model):
    """What the one container uses."""

    name: str
    """Always "vps"."""
    usage: dict[str, str]
    """Cores as `cpu`, and `memory`."""


class PodMetrics(meta.Object):
    """What a VPS uses, as `kubectl top pod` reads it."""

    timestamp: meta.Timestamp
    """When it was measured."""
    window: str
    """Over how long."""
    containers: list[ContainerMetrics]
    """The one container."""


class NodeMetrics(meta.Object):
    """What the VPSes of a node use together, as `kubectl top node` reads it."""

    timestamp: meta.Timestamp
    """When it was measured."""
    window: str
    """Over how long."""
    usage: dict[str, str]
    """Cores as `cpu`, and `memory`."""
