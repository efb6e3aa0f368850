"""Which networks the VPSes of a namespace may not reach, from what the API server says of Policies.

    deny of any Policy of the namespace    always wins
    allow of any of them                   lifts what the default closes
    the default                            closed.py: the cluster's own servers, link-local, metadata
    all else                               open

Of whom nothing is known, or not yet, counts as chosen by the `deny` of every Policy and by no `allow`. VPSes
have no IPv6, so IPv6 networks come to nothing here. Pure.
"""

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

MOST_SHOWN: Final = 20  # namespaces in one message
MOST_RULES: Final = 4000  # on one node: it reads them all with every list of the engine


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """The way out of a VPS: IPv4 networks, each without the others' parts, in order."""

    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    @property
    def rules(self) -> int:
        """How many it takes."""
        return len(self.deny) + len(self.allow)


CLOSED: Final = Way(deny=("0.0.0.0/0",))


@dataclasses.dataclass(frozen=True, slots=True)
class Ways:
    """The way out of what hangs on each port of the bridge, and of what hangs on any other."""

    ports: tuple[tuple[str, Way], ...]
    others: Way

    @property
    def all(self) -> tuple[Way, ...]:
        """Each once, in order."""
        return tuple(dict.fromkeys([*(way for _, way in self.ports), self.others]))

    @property
    def rules(self) -> int:
        """How many it takes."""
        return len(self.ports) + sum(way.rules for way in self.all)

    def fitted(self, most: int = MOST_RULES) -> "Ways":
        """So many rules at most: the longest ways are closed whole until it is so."""
        longest = sorted(self.all, key=lambda way: way.rules)
        found = self
        while found.rules > most and longest:
            found = found._without(longest.pop())
        return found

    def _without(self, closed: Way) -> "Ways":
        def fitting(way: Way) -> Way:
            return CLOSED if way == closed else way

        return Ways(tuple((port, fitting(way)) for port, way in self.ports), fitting(self.others))


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What the API server says: Policies by name, and which of them hold in which namespace."""

    policies: Mapping[str, Way]
    namespaces: Mapping[str, tuple[str, ...]]
    unreadable: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Any) -> "Told":
        """From the server's JSON. Raises ValueError where it is of another form."""
        try:
            policies = {
                str(name): _way(one["deny"], one["allow"]) for name, one in answer["policies"].items()
            }
            namespaces = {
                str(name): tuple(str(policy) for policy in held)
                for name, held in answer["namespaces"].items()
            }
            unreadable = tuple(str(words) for words in answer["unreadable"])
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"the API server's answer about Policies cannot be read: {error}") from error
        return cls(policies, namespaces, unreadable)

    @property
    def speaks(self) -> bool:
        """Whether any Policy has a word on networks."""
        return bool(self.policies)

    def way(self, namespace: str) -> Way:
        """Of VPSes of this namespace."""
        held = self.namespaces.get(namespace)
        if held is None or any(name not in self.policies for name in held):
            return self.strictest
        chosen = [self.policies[name] for name in held]
        return _way(
            (network for one in chosen for network in one.deny),
            (network for one in chosen for network in one.allow),
        )

    @property
    def strictest(self) -> Way:
        """Of whom nothing is known."""
        return _way((network for one in self.policies.values() for network in one.deny), ())

    def words(self) -> str:
        """Which Policies hold in which namespaces, for a person."""
        held = [f"{name}: {', '.join(names)}" for name, names in sorted(self.namespaces.items()) if names]
        more = [f"{len(held) - MOST_SHOWN} more namespaces"] if len(held) > MOST_SHOWN else []
        return "; ".join([*held[:MOST_SHOWN], *more])


NOTHING: Final = Told({}, {})


def _way(deny: Iterable[str], allow: Iterable[str]) -> Way:
    return Way(_collapsed(deny), _collapsed(allow))


def _collapsed(networks: Iterable[str]) -> tuple[str, ...]:
    found = (ipaddress.ip_network(network) for network in networks)
    return tuple(
        str(one)
        for one in ipaddress.collapse_addresses(
            network for network in found if isinstance(network, ipaddress.IPv4Network)
        )
    )
