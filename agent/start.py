"""Starts containers, and deals with what keeps one from starting. Below apply.py.

Its mounts are in their places while the engine looks at them. A port that a stranger has is changed for
another; what an engine that was killed has left of an earlier run is ended, or, where that is no use, the
container is noted as one that will not start again (docs/design/003).
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

from kohakuriver import errors
from kohakuriver.agent.deciding import actions, allowed, labels
from kohakuriver.agent.deciding.memory import Hold, Starting, run_of
from kohakuriver.agent.machine.staging import Staging
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.errors import (
    EngineError,
    EngineRefused,
    NotFound,
    PortTaken,
    RunLeftBehind,
    RuntimeTimeout,
    RuntimeUnavailable,
)
from kohakuriver.agent.settings import Settings
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import Informer

log = logging.getLogger(__name__)

MOST_PORTS: Final = 1024  # that an API server takes in one order
TRIES_FOR_A_PORT: Final = 5  # over some 15 seconds, where what has it is the engine's own


class Act(Protocol):
    """A named transaction about the placement of an entry. Raises KohakuRiverError."""

    async def __call__(self, entry: Entry, verb: str, **more: object) -> Object: ...


class Starter:
    """The starts of a node."""

    def __init__(
        self,
        *,
        settings: Settings,
        runtime: Runtime,
        roster: Roster,
        staging: Staging,
        vpses: Informer,
        act: Act,
        look: Callable[[Entry], Awaitable[None]],
        tell: Callable[[Entry, actions.Tell], None],
        hold: Callable[[Entry], Hold | None],
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._roster = roster
        self._staging = staging
        self._vpses = vpses
        self._act = act
        self._look = look
        self._tell = tell
        self._hold = hold

    async def start(self, entry: Entry, container_id: str) -> None:
        """Start it, or see to it that a later try can. Raises EngineError."""
        known = self._roster.container(entry.desired, entry.memory)
        mounts = labels.mounts(known) if known is not None else ()
        if known is not None and labels.is_privileged(known) and not self._settings.allow_privileged:
            raise EngineRefused("its container is privileged, which this node no longer allows")
        if known is not None:
            had, allowing = labels.capabilities(known), self._settings.allow_capabilities
            why = allowed.capability_refusal(had, allowing, node=self._settings.node)
            if why:
                raise EngineRefused(f"its container was made with more than that: {why}")
        if mounts:
            await self._staging.bring(entry.desired.uid, mounts)
        try:
            if self._hold(entry) is not None:
                return  # somebody has begun to start on what it needs since it was decided
            run = run_of(known) if known is not None else None
            entry.memory = dataclasses.replace(entry.memory, starting=Starting(container_id, run))
            await self._runtime.start(container_id)
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
                await self._staging.take_away(entry.desired.uid)
        await self._look(entry)

    async def _run_left_behind(self, entry: Entry, container_id: str, left: RunLeftBehind) -> None:
        """End what lives of it; where nothing does, and the engine keeps to it, another container has to do.
        Raises `left` for the engine to be asked once more."""
        trouble = entry.memory.trouble
        if await self.end_leftovers(entry, container_id) or trouble is None or not trouble.failures:
            raise left
        said = (
            f"the engine will not start container {container_id[:12]} again; another is made: {left.message}"
        )
        self._tell(entry, actions.Tell("Warning", "RunLeftBehind", said))
        entry.memory = dataclasses.replace(entry.memory, unstartable=container_id)

    async def end_leftovers(self, entry: Entry, container_id: str) -> int:
        """End processes that the engine has lost sight of, and say so. Raises EngineRefused."""
        ended = await self._runtime.end_leftovers(container_id)
        if ended:
            what = "a process" if ended == 1 else f"{ended} processes"
            said = (
                f"{what} of container {container_id[:12]} ran on, though it was over for the engine: ended "
                "before it is started again"
            )
            self._tell(entry, actions.Tell("Warning", "LeftoversEnded", said))
        return ended

    async def _other_port(self, entry: Entry, taken: PortTaken) -> None:
        """A stranger has its SSH port: say who, and ask for another. Raises PortTaken where there is none,
        and while it may be free again by itself: people have written the port down."""
        desired, trouble = entry.desired, entry.memory.trouble
        if taken.port is None or taken.port != desired.ssh_port:
            raise taken
        if taken.is_left_behind and (trouble is None or trouble.failures < TRIES_FOR_A_PORT):
            raise taken
        self._tell(entry, actions.Tell("Warning", "PortTaken", f"{taken.message}; another one is asked for"))
        known = {*entry.memory.taken_ports, taken.port}
        ports = [*sorted(known), *sorted(self._in_range(taken.others) - known)][:MOST_PORTS]
        entry.memory = dataclasses.replace(entry.memory, taken_ports=tuple(ports))
        try:
            answer = await self._act(entry, "newport", taken=ports)
        except errors.KohakuRiverError as error:
            why = f"{taken.message}, and no other could be had: {error.message}"
            raise PortTaken(why, port=taken.port, holder=taken.holder) from error
        self._vpses.overlay(answer)

    def _in_range(self, ports: Collection[int]) -> set[int]:
        """Those that a VPS of this node could be given."""
        ssh = self._settings.ssh
        return {port for port in ports if ssh is not None and ssh.first <= port <= ssh.last}


def _answered(entry: Entry) -> None:
    entry.memory = dataclasses.replace(entry.memory, starting=None)
