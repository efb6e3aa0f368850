"""The agents that are connected to this server, and the streams that have been asked of them.

An agent is asked over its control connection and answers with a connection of its own, which is matched by a
random id: good once, for ten seconds, and only from the node that was asked (CORRECTNESS 21).

All of them are the Lease holder's (`middleware.py` lets nobody else in), and end when the Lease is another's.
"""

import asyncio
import dataclasses
import logging
import secrets
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.identity.sessions import NO_CLAIM, Claim, Held, check
from kohakuriver.streams.stream import Control, Stream

LOG = logging.getLogger(__name__)

ANSWER_WITHIN = 10.0  # seconds for an agent to dial back or to refuse


@dataclasses.dataclass(eq=False)
class Leg:
    """An agent's connection for one stream. Whoever made it waits until it is over."""

    transport: asyncio.Transport
    over: asyncio.Future[None]
    claim: Claim = NO_CLAIM

    def end(self) -> None:
        """Nobody needs it any more."""
        self.transport.close()
        if not self.over.done():
            self.over.set_result(None)


@dataclasses.dataclass(eq=False)
class _Control:
    """A control connection, and which agent process has it."""

    stream: Stream
    claim: Claim


@dataclasses.dataclass(eq=False)
class _Asked:
    """One stream that an agent was asked for."""

    node: str
    answer: asyncio.Future[Leg]


def not_connected(node: str) -> errors.Unavailable:
    """No agent of that node holds a control connection to an API server."""
    return errors.Unavailable(
        f"node {node} is not connected to the API server",
        hint=f"its agent connects by itself within seconds; see how it is: kohakuriver node status {node}",
        retry_after=1,
    )


class NodeStreams:
    """Control connections by node, and what is being waited for."""

    def __init__(self) -> None:
        self._controls: dict[str, list[_Control]] = {}  # the latest last
        self._legs: dict[str, set[Leg]] = {}
        self._asked: dict[str, _Asked] = {}

    @property
    def connected(self) -> tuple[str, ...]:
        """The nodes that are."""
        return tuple(self._controls)

    def is_connected(self, node: str) -> bool:
        return node in self._controls

    async def hold(self, node: str, control: Stream, claim: Claim = NO_CLAIM) -> None:
        """Serve a control connection until it ends. An agent that knows this server by two names has two."""
        held = _Control(control, claim)
        self._controls.setdefault(node, []).append(held)
        try:
            while (message := await control.receive()) is not None:
                if isinstance(message, dict):
                    self._refused(node, message.get("refuse"))
        except errors.KohakuRiverError:
            pass  # it broke, and the agent will connect again
        finally:
            control.framed.abort()
            self._controls[node].remove(held)
            if not self._controls[node]:
                del self._controls[node]
                self._give_up(node)

    async def ask(self, node: str, opening: Control) -> Leg:
        """The agent's connection for a stream. Raises what the agent refuses with, and Unavailable."""
        if node not in self._controls:
            raise not_connected(node)
        id_ = secrets.token_urlsafe(24)
        asked = _Asked(node, asyncio.get_running_loop().create_future())
        self._asked[id_] = asked
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._controls[node][-1].stream.send_control({"open": {**opening, "id": id_}})
                return await asked.answer
        except TimeoutError:
            raise errors.Unavailable(
                f"node {node} did not answer within {ANSWER_WITHIN:.0f} s",
                hint=f"see how it is: kohakuriver node status {node}",
                retry_after=1,
            ) from None
        except errors.Unreachable as error:
            raise errors.Unavailable(
                f"node {node} cannot be reached: {error.message}", hint="try again in a moment", retry_after=1
            ) from error
        except asyncio.CancelledError:
            _let_go(asked.answer)
            raise
        finally:
            self._asked.pop(id_, None)

    def expects(self, node: str, id_: str) -> bool:
        """Whether that node has been asked for this stream, and has not brought it yet."""
        asked = self._asked.get(id_)
        return asked is not None and asked.node == node and not asked.answer.done()

    def arrived(self, id_: str, leg: Leg) -> None:
        """The connection that `expects` was asked about."""
        asked = self._asked.pop(id_)
        legs = self._legs.setdefault(asked.node, set())
        legs.add(leg)
        leg.over.add_done_callback(lambda _: self._left(asked.node, leg))
        asked.answer.set_result(leg)

    def holder_changed(self, node: str, held: Held) -> None:
        """The node's Lease has another session: what an earlier one has open is the node's no more."""
        for control in self._controls.get(node, ()):
            if not _may_stay(node, control.claim, held):
                LOG.warning(
                    "a control connection is ended: its agent does not hold the node's Lease any more",
                    extra={"node": node, "from": control.claim.address, "holder": held.holder},
                )
                control.stream.framed.abort()
        for leg in [leg for leg in self._legs.get(node, ()) if not held.is_by(leg.claim)]:
            leg.end()

    def _left(self, node: str, leg: Leg) -> None:
        legs = self._legs.get(node, set())
        legs.discard(leg)
        if not legs:
            self._legs.pop(node, None)

    def _refused(self, node: str, refusal: Any) -> None:
        if not isinstance(refusal, dict):
            return
        asked = self._asked.get(str(refusal.get("id")))
        status = refusal.get("status")
        if asked is not None and asked.node == node and not asked.answer.done() and isinstance(status, dict):
            asked.answer.set_exception(errors.from_status(status))

    def _give_up(self, node: str) -> None:
        for asked in list(self._asked.values()):
            if asked.node == node and not asked.answer.done():
                asked.answer.set_exception(errors.Unreachable("its agent has gone away"))


def _let_go(answer: asyncio.Future[Leg]) -> None:
    """Nobody waits any more; a connection that came in the same moment is closed."""
    if answer.done() and not answer.cancelled() and answer.exception() is None:
        answer.result().end()


def _may_stay(node: str, claim: Claim, held: Held) -> bool:
    try:
        check(node, claim, held)
    except errors.ApiError:
        return False
    return True
