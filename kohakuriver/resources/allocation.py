"""NodeAllocation: what is booked on a node.

The server alone writes it, inside named transactions; it outlives its Node.
"""

import pydantic

from kohakuriver.resources import meta


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
    ssh_port: int | None = None
    """The SSH port held."""


class NodeAllocation(meta.Object):
    """What is booked on the node of the same name."""

    bookings: dict[str, Booking] = pydantic.Field(default_factory=dict)
    """By VPS uid."""
