"""Lease of Kubernetes' coordination.k8s.io group: node heartbeats and leader election."""

from typing import Annotated

import pydantic

from kohakuriver.resources import meta

MOST = 2**31  # below which the numbers of a Lease are
MOST_PATIENCE = (
    300.0  # seconds of a node's silence, whatever its Lease says: agents renew once a minute at least
)


def number_in(stored: object) -> int:
    """A number of a Lease as it is stored; 0 for what an older version may have let in and is none."""
    return stored if type(stored) is int and 0 <= stored < MOST - 1 else 0


class LeaseSpec(meta.Model):
    """Who holds the lease, and until when."""

    holder_identity: str | None = None
    """Who holds it."""
    lease_duration_seconds: Annotated[int, pydantic.Field(ge=1, lt=MOST)] | None = None
    """How long it is good for after a renewal."""
    acquire_time: meta.MicroTimestamp | None = None
    """When it was taken."""
    renew_time: meta.MicroTimestamp | None = None
    """When it was last renewed, by the holder's clock: to show, never to compare."""
    lease_transitions: Annotated[int, pydantic.Field(ge=0, lt=MOST)] | None = None
    """How often it went from one holder to another."""
    preferred_holder: str | None = None
    """Whom it should go to next."""
    strategy: str | None = None
    """How the next holder is chosen."""


class Lease(meta.Object):
    """A claim that has to be renewed."""

    spec: LeaseSpec = pydantic.Field(default_factory=LeaseSpec)
    """Who holds it, and until when."""
