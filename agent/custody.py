"""Whether the engine is the one that holds this node's containers; what is known of it from before.

`judge` looks for the sentinel (`machine/sentinel.py`) and words what follows; what was found is kept in the
journal, for the agent that runs here next.
"""

import asyncio
import dataclasses
import secrets
import uuid

from kohakuriver.agent.engine import Health
from kohakuriver.agent.journal import Journal, NodeFacts
from kohakuriver.agent.machine import facts
from kohakuriver.agent.machine.sentinel import Sentinel, Verdict
from kohakuriver.agent.runtime.base import Listing, Runtime
from kohakuriver.agent.settings import Settings
from kohakuriver.client.watch import Informer

REPLACED = Health(
    False,
    "EngineReplaced",
    "this container engine is not the one that holds this node's containers, or its data root "
    "is not mounted: the volume that the agent left in it is missing; nothing is created, "
    "started or confirmed until it is back, or somebody says that this engine is to be used: "
    "`kohakuriver up --accept-engine` on that machine, or the agent's own --accept-engine",
)


class Custody:
    """One node's claim on its engine."""

    def __init__(self, runtime: Runtime, journal: Journal, vpses: Informer, *, settings: Settings) -> None:
        self._journal = journal
        self._vpses = vpses
        self._accepted = settings.accept_engine
        known = journal.load_node()
        self._boot_id = facts.boot_id()
        self.rebooted = bool(known.boot_id) and known.boot_id != self._boot_id
        """Whether the machine was started since an agent last ran here."""
        if not known.agent_id:
            known = NodeFacts(agent_id=uuid.uuid4().hex, session_key=secrets.token_hex(32))
            journal.begin_node(known)
        elif not known.session_key:  # of an agent of before
            known = dataclasses.replace(known, session_key=secrets.token_hex(32))
            journal.keep_node(known)
        self._facts = known
        self._sentinel = Sentinel(
            runtime, cluster=settings.cluster, node=settings.node, agent_id=known.agent_id
        )

    @property
    def agent_id(self) -> str:
        """Tells this agent from another of the same node name."""
        return self._facts.agent_id

    @property
    def session_key(self) -> str:
        """The secret of this agent's sessions; leaves this machine in no form."""
        return self._facts.session_key

    async def judge(self, containers: Listing) -> Health | None:
        """Why this engine must not be used; None where it may. Raises EngineError."""
        verdict = await self._sentinel.look(
            made_before=self._facts.has_sentinel,
            expected=self._expected(),
            found=frozenset(container.id for container in containers),
            accepted=self._accepted or await asyncio.to_thread(self._journal.engine_is_accepted),
        )
        if verdict is Verdict.REPLACED:
            return REPLACED
        self._journal.use_acceptance_up()
        now = dataclasses.replace(self._facts, has_sentinel=True, boot_id=self._boot_id)
        if now != self._facts:
            self._facts = now
            self._journal.save_node(now)
        return None

    def _expected(self) -> frozenset[str]:
        """The containers here that the API has been told of, by id."""
        observed = [(vps.get("status") or {}).get("observed") or {} for vps in self._vpses]
        ids = [(seen.get("container") or {}).get("id") for seen in observed]
        return frozenset(id_ for id_ in ids if id_)
