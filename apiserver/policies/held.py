"""All Policies, each read once where it comes in. Fed by the cache's one watch; asked by who writes.

So a Policy holds from a few milliseconds after it was written, and what is written within them goes by the
Policies of before.
"""

import logging
from collections.abc import Iterable, Mapping

import orjson

from kohakuriver.apiserver.policies.policy import Policy
from kohakuriver.apiserver.store.base import Record

LOG = logging.getLogger(__name__)


class Policies:
    """Those there are."""

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}  # by name

    def apply(self, key: str, record: Record | None) -> None:
        """Take over one change of a Policy. What is not even JSON is no Policy, as for every kind."""
        name = key.rpartition("/")[2]
        self._policies.pop(name, None)
        if record is None:
            return
        try:
            stored = orjson.loads(record.value)
        except ValueError:
            return  # the cache has said so in the log
        if not isinstance(stored, Mapping):
            return
        policy = self._policies[name] = Policy.of(name, stored)
        for why in policy.troubles:
            LOG.error(
                "a part of a policy cannot be read, and forbids what is newly set there",
                extra={"policy": name, "error": why},
            )

    def replace(self, records: Iterable[Record]) -> None:
        """Take over a whole new listing."""
        self._policies = {}
        for record in records:
            self.apply(record.key, record)

    def of(self, labels: Mapping[str, str]) -> list[Policy]:
        """Those that hold in the namespace with these labels, by name."""
        return [policy for _, policy in sorted(self._policies.items()) if policy.chooses(labels)]
