"""Policy: what VPSes of the namespaces it chooses may not do. An administrator writes it.

Where several Policies choose one namespace, each of them holds.
"""

import ipaddress
import re
from typing import Annotated, Literal

import pydantic

from kohakuriver.resources import meta

_HOST = r"(\[[0-9a-f:]+\]|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)(:\d{1,5})?"
_REGISTRY = re.compile(rf"(?P<host>{_HOST})(/[a-z0-9]+([._-]+[a-z0-9]+)*)*", re.ASCII)
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"([a-z0-9][-a-z0-9.]{{0,252}}/)?{_NAME}", re.ASCII)
_VALUE = re.compile(rf"({_NAME})?", re.ASCII)
MOST_REQUIREMENTS = 50  # of one selector: each is held against each namespace
MOST_NETWORKS = 256  # in one list: each becomes a rule on each node


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f'invalid network "{text[:80]}": write one such as 10.0.0.0/8 or fd00::/8') from None
    return text


def _registry(text: str) -> str:
    match = _REGISTRY.fullmatch(text)
    if match is None:
        raise ValueError(
            f'invalid registry "{text[:80]}": write its host, such as ghcr.io, or a part of it, such as '
            "docker.io/library, in small letters"
        )
    host = match["host"]
    if host != "localhost" and not set(host) & set(".:"):
        raise ValueError(
            f'"{text[:80]}" does not begin with the host of a registry: write docker.io/{text[:60]} if it is '
            "one of Docker Hub"
        )
    return text


def _label_key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(
            f'"{text[:80]}" is not the key of a label: write one such as team or example.org/team'
        )
    return text


def _label_value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise ValueError(
            f'"{text[:80]}" is not the value of a label: it has at most 63 letters, digits, "-", "_" and "."'
        )
    return text


Key = Annotated[str, pydantic.AfterValidator(_label_key)]
Value = Annotated[str, pydantic.AfterValidator(_label_value)]
Networks = Annotated[
    list[Annotated[str, pydantic.AfterValidator(_network)]],
    pydantic.Field(max_length=MOST_NETWORKS),
    meta.a_set(),
]


class LabelSelectorRequirement(meta.Model):
    """One demand on the labels, as in Kubernetes."""

    key: Key
    """The label's key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How its value stands to `values`."""
    values: Annotated[list[Value] | None, pydantic.Field(max_length=256)] = None
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

    match_labels: Annotated[dict[Key, Value] | None, pydantic.Field(max_length=MOST_REQUIREMENTS)] = None
    """These keys with these values."""
    match_expressions: Annotated[
        list[LabelSelectorRequirement] | None, pydantic.Field(max_length=MOST_REQUIREMENTS)
    ] = None
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
    """Where their images may come from. Absent means anywhere, but users name no registry by its address."""
    longest_stop_grace_period: meta.Grace | None = None
    """The most that `spec.stopGracePeriod` may be."""
    highest_priority: Annotated[int, pydantic.Field(ge=-1_000_000, le=1_000_000)] | None = None
    """The most that `spec.priority` may be."""
    longest_token_life: meta.Duration | None = None
    """The longest `spec.ttl` of a Token that names one of these namespaces; without a ttl it is refused."""


class Policy(meta.Object):
    """What VPSes of the namespaces it chooses may not do."""

    spec: PolicySpec = pydantic.Field(default_factory=PolicySpec)
    """Which namespaces are meant, and what holds in them."""
