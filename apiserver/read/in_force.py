"""What holds in a namespace and is nowhere in it: the Policies that choose it, and the default of what no
ResourceQuota there names. Shown with the one Namespace that is asked for, and never stored. Writes nothing.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import orjson

from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.policies.policy import Limit, Policy
from kohakuriver.apiserver.quota import hard
from kohakuriver.apiserver.read import egress
from kohakuriver.apiserver.store import codec
from kohakuriver.resources import kinds

Json = dict[str, Any]


def of(server: Server, namespace: Entry) -> Json:
    """The fields of its status; none of them while this server does not know."""
    if not server.cache.ready:
        return {}
    name = namespace.fields["metadata.name"]
    labels = {**namespace.labels, kinds.NAME_LABEL: name}
    policies = [
        f"{one.name}: {'; '.join(said)}"
        for one in server.policies().of(labels)
        if (said := [*_networks(server, one.name), *_demands(one)])
    ]
    limits = {
        resource: hard.written(resource, most)
        for one in server.ledger.quotas(name)
        if one.by_default
        for resource, most in one.limits.items()
    }
    return {field: value for field, value in (("defaultQuota", limits), ("policies", policies)) if value}


def shown(server: Server, namespace: Entry) -> Entry:
    """The Namespace, whose status says what holds in it."""
    more = of(server, namespace)
    if not more:
        return namespace
    whole = namespace.decoded()
    status = {**objects.status_of(whole), **more}
    return dataclasses.replace(namespace, raw=orjson.dumps({**whole, "status": status}))


def _networks(server: Server, policy: str) -> Iterator[str]:
    """Which networks it closes, and which it opens although the default closes them."""
    entry = server.cache.kinds[kinds.POLICY].get(codec.key(kinds.POLICY, None, policy))
    found = egress.read(entry.raw) if entry is not None else None
    if found is None:
        return
    if found.deny:
        yield f"closed: {', '.join(found.deny)}"
    if found.allow:
        yield f"open: {', '.join(found.allow)}"
    yield from found.unreadable


def _demands(policy: Policy) -> Iterator[str]:
    """What it asks of VPSes and Tokens."""
    registries = policy.registries
    if isinstance(registries, tuple):
        yield f"images from {', '.join(registries) or 'Environments and the nodes alone'}"
    for what, limit in (
        ("stopGracePeriod", policy.grace),
        ("priority", policy.priority),
        ("ttl of tokens", policy.token_life),
    ):
        if isinstance(limit, Limit):
            yield f"{what} at most {limit.written}"
    yield from (f"{why} (it cannot be read)" for why in policy.troubles)
