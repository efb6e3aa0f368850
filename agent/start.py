"""Starts containers, and deals with what keeps one from starting. Below containers.py.

Its mounts are in their places while the engine looks at them. A port that a stranger has is changed for
another; what an engine that was killed has left of an earlier run is ended, or, where that is no use, the
container is noted as one that will not start again (docs/design/003).
"""

import dataclasses
import logging
from collections.abc import Collection
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.context import Node
from kohakuriver.agent.deciding import actions, allowed, labels
from kohakuriver.agent.deciding.memory import Starting, run_of
from kohakuriver.agent.roster import Entry
from kohakuriver.agent.runtime.errors import (
    EngineError,
    EngineRefused,
    NotFound,
    PortTaken,
    RunLeftBehind,
    RuntimeTimeout,
    RuntimeUnavailable,
)

log = logging.getLogger(__name__)

MOST_PORTS: Final = 1024  # that an API server takes in one order
TRIES_FOR_A_PORT: Final = 5  # over some 15 seconds, where what has it is the engine's own


class Starter:
    """The starts of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def start(self, entry: Entry, container_id: str) -> None:
        """Start it, or see to it that a later try can. Raises EngineError."""
        known = self._node.roster.of(entry)
        mounts = labels.mounts(known) if known is not None else ()
        if known is not None and labels.is_privileged(known) and not self._node.settings.allow_privileged:
            raise EngineRefused("its container is privileged, which this node no longer allows")
        if known is not None:
            had, allowing = labels.capabilities(known), self._node.settings.allow_capabilities
            why = allowed.capability_refusal(had, allowing, node=self._node.settings.node)
            if why:
                raise EngineRefused(f"its container was made with more than that: {why}")
        if mounts:
            await self._node.staging.bring(entry.desired.uid, mounts)
        try:
            if self._node.surroundings.hold(entry) is not None:
                return  # somebody has begun to start on what it needs since it was decided
            run = run_of(known) if known is not None else None
            entry.memory = dataclasses.replace(entry.memory, starting=Starting(container_id, run))
            await self._node.runtime.start(container_id)
            _answered(entry)
        except (RuntimeTimeout, RuntimeUnavailable):
            mounts = ()  # it may still be on its way, and need them
            raise
        except NotFound:
            _answered(entry)
            log.info("it was gone when it was to start", extra={"vps": str(entry.key)})
        except RunLeftBehind as left:
            _answered(entry)
            await self._run_left_behind(entry, container_id, left)
        except PortTaken as taken:
            _answered(entry)
            await self._other_port(entry, taken)
        except EngineError:
            _answered(entry)
            raise
        else:
            entry.memory = dataclasses.replace(entry.memory, taken_ports=())
        finally:
            if mounts:
                await self._node.staging.take_away(entry.desired.uid)
        await self._node.look(entry)

    async def _run_left_behind(self, entry: Entry, container_id: str, left: RunLeftBehind) -> None:
        """End what lives of it; where nothing does, and the engine keeps to it, another container has to do.
        Raises `left` for the engine to be asked once more."""
        trouble = entry.memory.trouble
        if await self.end_leftovers(entry, container_id) or trouble is None or not trouble.failures:
            raise left
        said = (
            f"the engine will not start container {container_id[:12]} again; another is made: {left.message}"
        )
        self._node.tell(entry, actions.Tell("Warning", "RunLeftBehind", said))
        entry.memory = dataclasses.replace(entry.memory, unstartable=container_id)

    async def end_leftovers(self, entry: Entry, container_id: str) -> int:
        """End processes that the engine has lost sight of, and say so. Raises EngineRefused."""
        ended = await self._node.runtime.end_leftovers(container_id)
        if ended:
            what = "a process" if ended == 1 else f"{ended} processes"
            said = (
                f"{what} of container {container_id[:12]} ran on, though it was over for the engine: ended "
                "before it is started again"
            )
            self._node.tell(entry, actions.Tell("Warning", "LeftoversEnded", said))
        return ended

    async def _other_port(self, entry: Entry, taken: PortTaken) -> None:
        """A stranger has its SSH port: say who, and ask for another. Raises PortTaken where there is none,
        and while it may be free again by itself: people have written the port down."""
        desired, trouble = entry.desired, entry.memory.trouble
        if taken.port is None or taken.port != desired.ssh_port:
            raise taken
        if taken.is_left_behind and (trouble is None or trouble.failures < TRIES_FOR_A_PORT):
            raise taken
        self._node.tell(
            entry, actions.Tell("Warning", "PortTaken", f"{taken.message}; another one is asked for")
        )
        known = {*entry.memory.taken_ports, taken.port}
        ports = [*sorted(known), *sorted(self._in_range(taken.others) - known)][:MOST_PORTS]
        entry.memory = dataclasses.replace(entry.memory, taken_ports=tuple(ports))
        try:
            answer = await self._node.act(entry, "newport", taken=ports)
        except errors.KohakuRiverError as error:
            why = f"{taken.message}, and no other could be had: {error.message}"
            raise PortTaken(why, port=taken.port, holder=taken.holder) from error
        self._node.vpses.overlay(answer)

    def _in_range(self, ports: Collection[int]) -> set[int]:
        """Those that a VPS of this node could be given."""
        ssh = self._node.settings.ssh
        return {port for port in ports if ssh is not None and ssh.first <= port <= ssh.last}


def _answered(entry: Entry) -> None:
    entry.memory = dataclasses.replace(entry.memory, starting=None)
