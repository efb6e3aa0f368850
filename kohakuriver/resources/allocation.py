"""NodeAllocation: what is booked on a node.

The server alone writes it, inside named transactions; it outlives its Node.
"""

import pydantic

from kohakuriver.resources import meta


class Tombstone(meta.Model):
    """The VPS is gone or given up, and its container may still be on the node (CORRECTNESS 4)."""

    since: meta.Timestamp
    """When it was given up."""
    why: str
    """By what, in words."""
    volumes: list[str] | None = None
    """Volumes of a deleted VPS that go with its container."""
    namespace_uid: str | None = None
    """The uid of its namespace, whose volumes alone these are."""


class Booking(meta.Model):
    """What one VPS holds."""

    namespace: str
    """The VPS's namespace."""
    name: str
    """The VPS's name."""
    epoch: int
    """The placement that holds it."""
    id: str
    """The binding's random id."""
    cores: str | None = None
    """Cores held; absent while stopped."""
    memory: str | None = None
    """Memory held; absent while stopped."""
    exclusive: bool | None = None
    """Whether the cores in `cpuset` are this VPS's alone."""
    cpuset: str | None = None
    """The exclusive cores held."""
    numa: int | None = None
    """The NUMA node whose cores it uses."""
    gpus: list[str] | None = None
    """The UUIDs of the GPUs held."""
    disk: str | None = None
    """What its files may take, where its spec says so; held as long as it is bound, also while stopped."""
    ssh_port: int | None = None
    """The SSH port held."""
    tombstone: Tombstone | None = None
    """The agent removes the container of this uid and epoch, and confirms: then the booking ends."""


class NodeAllocation(meta.Object):
    """What is booked on the node of the same name."""

    bookings: dict[str, Booking] = pydantic.Field(default_factory=dict)
    """By VPS uid."""
