"""Whether the engine is still the one that holds this node's containers (CORRECTNESS 7).

At registration the agent leaves a volume in the engine, labelled with the cluster, the node and the agent's
own id, which outlives the Node object. An engine that should have it and does not is another one, or the same
over an empty data root, whatever it calls itself: then "not found" is not "gone", and nothing is created,
started or confirmed until a person says so (`--accept-engine`). Containers that the API knows speak for the
engine too, so that pruned volumes alone stop nothing.
"""

import enum
import hashlib
import logging

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.runtime.base import EngineVolume, Runtime

log = logging.getLogger(__name__)

AGENT = "kohakuriver.io/agent"  # on the sentinel: the id of the agent that made it


class Verdict(enum.Enum):
    """What to make of an engine."""

    KNOWN = "it has the sentinel"
    NEW = "it may become this node's own: leave a sentinel in it"
    REPLACED = "it is another than the one that holds this node's containers"


def judge(
    *, there: bool, made_before: bool, expected: frozenset[str], found: frozenset[str], accepted: bool
) -> Verdict:
    """From the sentinel, and the containers that the API expects and the engine has, by id. Pure."""
    if there:
        return Verdict.KNOWN
    if accepted or expected & found or not (made_before or expected):
        return Verdict.NEW
    return Verdict.REPLACED


def name(*, cluster: str, node: str) -> str:
    """The volume's name: of this node in this cluster, since several may share an engine."""
    return f"kohakuriver-{cluster[:8]}-sentinel-{hashlib.sha256(node.encode()).hexdigest()[:12]}"


class Sentinel:
    """The mark of one node in its engine."""

    def __init__(self, runtime: Runtime, *, cluster: str, node: str, agent_id: str) -> None:
        self._runtime = runtime
        self._volume = EngineVolume(
            name(cluster=cluster, node=node),
            {labels.CLUSTER: cluster, labels.NODE: node, AGENT: agent_id},
        )

    async def look(
        self, *, made_before: bool, expected: frozenset[str], found: frozenset[str], accepted: bool
    ) -> Verdict:
        """Judge the engine, and leave the sentinel in one that may be used. Raises EngineError."""
        volumes = {volume.name for volume in await self._runtime.volumes()}
        verdict = judge(
            there=self._volume.name in volumes,
            made_before=made_before,
            expected=expected,
            found=found,
            accepted=accepted,
        )
        if verdict is Verdict.NEW:
            await self._runtime.make_volume(self._volume)
            log.info("sentinel left in the engine", extra={"volume": self._volume.name})
        return verdict
