"""Keeps what the API server says of Policies that close networks, and knows the way out of each VPS by it.

Asked every few seconds, since the labels of a namespace decide, which a node does not see. Until it was told
once, nothing is started or changed: the rules of an earlier agent stand. Later on what was told last holds,
however long the API server is away.
"""

import asyncio
import contextlib
import logging
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.egress import NOTHING, Told, Ways
from kohakuriver.agent.machine.isolation import Verdict
from kohakuriver.agent.machine.ports import Ports
from kohakuriver.agent.roster import Roster
from kohakuriver.client.rest import Client
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

EVERY: Final = 10.0  # seconds between questions
NO_POLICIES: Final = "NoPolicies"
RETRY: Final = 1.0  # seconds after one that was not answered, and no Policy has been told of yet
_SHOWN: Final = 5  # of what is wrong, in one message


class Egress:
    """The word of the API server, and where it applies here."""

    def __init__(self, client: Client, roster: Roster, ports: Ports, *, node: str) -> None:
        self.told: Told | None = None  # None: never yet
        self._client = client
        self._roster = roster
        self._ports = ports
        self._path = kinds.NODE.path(name=node, subresource="egress")
        self._was_told = asyncio.Event()
        self._ask_now = asyncio.Event()
        self._changed = asyncio.Event()
        self._too_many = 0  # rules that it would take
        self._lost: frozenset[str] = frozenset()  # containers without a port, by name
        self._still_lost: frozenset[str] = frozenset()  # those of them that had none at the look before
        roster.began.append(self._began)

    async def run(self) -> None:
        """Ask, for ever."""
        while True:
            await self.step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY if self.told is not None else RETRY):
                    await self._ask_now.wait()
            self._ask_now.clear()

    async def step(self) -> None:
        """Ask once."""
        try:
            told = Told.of(await self._client.call("GET", self._path, has_kind=False))
        except errors.NotFound:  # a server of before there were Policies has no such path
            told = self.told or NOTHING
        except (errors.KohakuRiverError, ValueError) as error:
            log.warning("the API server does not say what Policies close", extra={"error": str(error)})
            return
        if told != self.told:
            self.told = told
            self._changed.set()
        self._was_told.set()

    async def wait_told(self) -> None:
        """Until the API server has answered once."""
        await self._was_told.wait()

    async def wait_changed(self) -> None:
        """Until the rules may have to be others than they were."""
        await self._changed.wait()
        self._changed.clear()

    async def ways(self, bridge: str) -> Ways | None:
        """The way out of what hangs on the bridge; None where no Policy speaks of networks."""
        told = self.told
        if told is None or not told.speaks:
            self._too_many, self._lost, self._still_lost = 0, frozenset(), frozenset()
            return None
        running = [one for one in self._roster.containers() if one.is_up]
        ports = await self._ports.find(bridge, running)
        lost = frozenset(one.name for one in running if one.id not in ports)
        self._lost, self._still_lost = lost, lost & self._lost
        ways = Ways(
            tuple(
                sorted(
                    (ports[one.id], told.way(one.labels.get(labels.NAMESPACE, "")))
                    for one in running
                    if one.id in ports
                )
            ),
            told.strictest,
        )
        fitted = ways.fitted()
        self._too_many = ways.rules if fitted != ways else 0
        return fitted

    def verdict(self, isolated: Verdict | None) -> Verdict:
        """Whether what Policies say holds here, where this is so of the rules as a whole."""
        told = self.told or NOTHING
        if not told.speaks:
            return Verdict(True, NO_POLICIES, "")
        if isolated is None or not isolated.ok:
            return Verdict(False, "NetworkNotIsolated", "the rules do not stand: see NetworkIsolated")
        if self._too_many:
            words = (
                f"Policies close so many networks that it would take {self._too_many} rules: the VPSes with "
                "most of them reach no network at all; write fewer or larger networks"
            )
            return Verdict(False, "TooManyRules", words)
        if told.unreadable:
            return Verdict(False, "PolicyUnreadable", f"{_first(told.unreadable)}: correct or delete it")
        if self._still_lost:
            words = (
                f"which port of the bridge is that of {_first(sorted(self._still_lost))} cannot be told: "
                "they reach nothing that any Policy denies, and no Policy allows them anything; run the "
                "agent as root and in the engine's network namespace"
            )
            return Verdict(False, "PortUnknown", words)
        return Verdict(True, "PoliciesHold", told.words())

    def _began(self) -> None:
        """A container runs that did not, perhaps of a namespace that had none here."""
        if self.told is not None and self.told.speaks:
            self._changed.set()
            self._ask_now.set()


def _first(words: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{'; '.join(words[:_SHOWN])}{more}"
