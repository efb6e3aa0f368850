"""Policy: what VPSes of the namespaces it chooses may not do. An administrator writes it.

Where several Policies choose one namespace, each of them holds.
"""

import ipaddress
import re
from typing import Annotated, Literal

import pydantic

from kohakuriver.resources import meta

_REGISTRY = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:\d{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
MOST_NETWORKS = 256  # in one list: each becomes a rule on each node


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(
            f'"{text[:80]}" is not a network: write one such as 10.0.0.0/8 or fd00::/8'
        ) from None
    return text


def _registry(text: str) -> str:
    if not _REGISTRY.fullmatch(text):
        raise ValueError(
            f'"{text[:80]}" is not a registry: write its host, such as ghcr.io, or a part of it, such as '
            "docker.io/library"
        )
    return text


Networks = Annotated[
    list[Annotated[str, pydantic.AfterValidator(_network)]],
    pydantic.Field(max_length=MOST_NETWORKS),
    meta.a_set(),
]


class LabelSelectorRequirement(meta.Model):
    """One demand on the labels, as in Kubernetes."""

    key: str
    """The label's key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How its value stands to `values`."""
    values: list[str] | None = None
    """For In and NotIn."""

    @pydantic.model_validator(mode="after")
    def _values_where_they_count(self) -> "LabelSelectorRequirement":
        if self.operator in ("In", "NotIn") and not self.values:
            raise ValueError(f"operator {self.operator} needs values")
        if self.operator in ("Exists", "DoesNotExist") and self.values:
            raise ValueError(f"operator {self.operator} takes no values: leave them out")
        return self


class LabelSelector(meta.Model):
    """Labels that an object must carry, as in Kubernetes; all of it must hold. Empty chooses everything."""

    match_labels: meta.Labels | None = None
    """These keys with these values."""
    match_expressions: Annotated[list[LabelSelectorRequirement] | None, pydantic.Field(max_length=50)] = None
    """Demands on single labels."""


class Egress(meta.Model):
    """Which networks the VPSes may not reach. `deny` comes before `allow`, and `allow` before the default."""

    deny: Networks | None = None
    """Networks they may not reach, as CIDR."""
    allow: Networks | None = None
    """Networks they may reach although the default closes them: the cluster's own servers, link-local
    addresses and the metadata services of clouds."""


class Images(meta.Model):
    """Where their images may come from."""

    registries: Annotated[
        list[Annotated[str, pydantic.AfterValidator(_registry)]], pydantic.Field(max_length=256), meta.a_set()
    ]
    """Registries, or parts of one, that images may come from; empty allows none but `kohakuriver/…` of the
    nodes and Environments."""


class PolicySpec(meta.Model):
    """Which namespaces are meant, and what holds in them."""

    namespace_selector: LabelSelector = pydantic.Field(default_factory=LabelSelector)
    """Chooses namespaces by their labels; `kubernetes.io/metadata.name` is each one's name."""
    egress: Egress | None = None
    """Which networks the VPSes may not reach."""
    images: Images | None = None
    """Where their images may come from; absent means anywhere."""
    longest_stop_grace_period: meta.Grace | None = None
    """The most that `spec.stopGracePeriod` may be."""
    highest_priority: Annotated[int, pydantic.Field(ge=-1_000_000, le=1_000_000)] | None = None
    """The most that `spec.priority` may be."""
    longest_token_life: meta.Duration | None = None
    """The most that `spec.ttl` of a Token for one of these namespaces may be; none without an end."""


class Policy(meta.Object):
    """What VPSes of the namespaces it chooses may not do."""

    spec: PolicySpec = pydantic.Field(default_factory=PolicySpec)
    """Which namespaces are meant, and what holds in them."""
