"""The agent's side of a control connection: it says that it is there, hears what is wanted, and brings it.

One per API server. Streams that were brought stay when the control connection breaks; it is made again by
itself. Who may open what has been checked by the server; that the VPS is bound here, by uid and epoch, is
checked here again, and that the container itself has nothing that its visitor has no right to.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import tenacity

from kohakuriver import errors
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.runtime.base import Container
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.agent.shares import Shares
from kohakuriver.agent.streams.door import Door, Opened, Opening
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import BARE, Dialer
from kohakuriver.streams.stream import Stream

log = logging.getLogger(__name__)

PING_AFTER, GONE_AFTER = 5.0, 15.0  # seconds: nobody should wait on a dead control connection
AT_ONCE = 1000  # streams
SHOWING = ("logs", "stats")  # by which nobody acts in a VPS
RESTING = ("logs", "changes")  # of VPSes that do not run, too

Lend = Callable[[str], Awaitable[Opened]]
"""An Environment's tarball, for a node that lacks it."""

Find = Callable[[str, int], Awaitable[Container | None]]
"""The container of (uid, epoch) as it is now, if that VPS is bound here."""


class Controls:
    """One control connection, and the streams that came of it."""

    def __init__(
        self,
        dialer: Dialer,
        *,
        node: str,
        doors: Mapping[str, Door],
        find: Find,
        lend: Lend,
        shares: Shares | None = None,
    ) -> None:
        """`shares`: the places of the node's streams, which those of other servers take too."""
        self._dialer = dialer
        self._path = kinds.NODE.path(name=node, subresource="streams")
        self._doors = doors
        self._find = find
        self._lend = lend
        self._shares = shares or Shares(AT_ONCE)
        self._streams: set[asyncio.Task[None]] = set()

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    async def run(self) -> None:
        """Until cancelled; then what is open is closed."""
        try:
            while True:
                async for attempt in tenacity.AsyncRetrying(
                    wait=tenacity.wait_random_exponential(multiplier=0.1, max=3.0),
                    retry=tenacity.retry_if_exception_type(errors.KohakuRiverError),
                    before_sleep=_log_retry,
                ):
                    with attempt:
                        await self.step()
        finally:
            for task in self._streams:
                task.cancel()
            await asyncio.gather(*self._streams, return_exceptions=True)

    async def step(self) -> None:
        """One control connection, until it ends. Raises Unreachable, or as the server refuses."""
        control = await self._dialer.stream(self._path, ping_after=PING_AFTER, gone_after=GONE_AFTER)
        log.debug("control connection open")
        try:
            while (message := await control.receive()) is not None:
                if isinstance(message, dict) and isinstance(message.get("open"), dict):
                    self._begin(control, message["open"])
        finally:
            control.framed.abort()

    def _begin(self, control: Stream, wanted: dict[str, Any]) -> None:
        task = asyncio.create_task(self._serve(control, wanted), name=f"stream {wanted.get('kind')}")
        self._streams.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._streams.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a stream failed in a way nobody expected", exc_info=task.exception())

    async def _serve(self, control: Stream, wanted: dict[str, Any]) -> None:
        id_, namespace = str(wanted.get("id")), str(wanted.get("namespace") or "")
        if not self._shares.take(namespace):
            await _refuse(control, id_, _no_place(namespace, self._shares))
            return
        try:
            await self._bring(control, id_, wanted)
        finally:
            self._shares.give_back(namespace)

    async def _bring(self, control: Stream, id_: str, wanted: dict[str, Any]) -> None:
        try:
            opened = await self._opened(wanted)
        except errors.KohakuRiverError as error:
            await _refuse(control, id_, error)
            return
        except Exception:
            log.exception("a stream could not be opened in a way nobody expected")
            await _refuse(control, id_, errors.InternalError("the agent failed; its log says more"))
            return
        try:
            transport, first = await self._dialer.transport(f"{self._path}/{id_}", upgrade=BARE)
        except errors.KohakuRiverError as error:
            log.info("a stream was not brought", extra={"kind": wanted.get("kind"), "error": error.message})
            await opened.aclose()
            return
        except BaseException:
            await opened.aclose()
            raise
        try:
            await opened.serve(transport, first)
        finally:
            transport.close()

    async def _opened(self, wanted: Mapping[str, Any]) -> Opened:
        if wanted.get("kind") == "tarball":
            return await self._lend(str(wanted["environment"]))
        opening = await self._opening(wanted)
        return await self._doors[opening.kind].open(opening)

    async def _opening(self, wanted: Mapping[str, Any]) -> Opening:
        kind, name = str(wanted["kind"]), str(wanted["name"])
        uid, epoch = str(wanted["uid"]), int(wanted["epoch"])
        if kind not in self._doors:
            raise errors.BadRequest(
                f"the agent of this node does not know streams of kind {kind}",
                hint="it is older than the API server: upgrade it",
            )
        container = await self._find(uid, epoch)
        if container is None or (not container.is_up and kind not in RESTING):
            raise errors.Conflict(
                f"{name} has no running container at the moment",
                hint=f"see why: kohakuriver vps status {name}",
                retry_after=1,
            )
        _check_rights(wanted, kind, container)
        return Opening(
            id=str(wanted["id"]),
            kind=kind,
            namespace=str(wanted["namespace"]),
            name=name,
            uid=uid,
            epoch=epoch,
            user=str(wanted.get("user") or ""),
            params={key: tuple(values) for key, values in (wanted.get("params") or {}).items()},
            container=container,
        )


def _check_rights(wanted: Mapping[str, Any], kind: str, container: Container) -> None:
    """A container keeps what it was made with until it is made anew, whatever the spec says by then. A server
    of before does not say which rights the visitor has: what it looked at itself has to do."""
    held = wanted.get("rights")
    if not isinstance(held, list) or kind in SHOWING:
        return
    for right in labels.rights(container):
        if right not in held:
            name = wanted["name"]
            path = "spec.security.capabilities.add" if right == "capabilities" else f"spec.{right}"
            raise errors.Forbidden(
                f"the container of {name} was made with {path}, and you have no right to set that",
                hint=f"restart it if its spec has no {right} any more, or ask for the right {right}",
            )


async def _refuse(control: Stream, id_: str, error: errors.KohakuRiverError) -> None:
    match error:
        case errors.ApiError():
            status = error.to_status()
        case EngineError():
            status = errors.Unavailable(f"the container engine: {error.message}").to_status()
        case _:
            status = errors.Unavailable(error.message, hint=error.hint).to_status()
    try:
        await control.send_control({"refuse": {"id": id_, "status": status}})
    except errors.KohakuRiverError as gone:
        log.info("a refusal was not heard", extra={"error": gone.message})


def _log_retry(state: tenacity.RetryCallState) -> None:
    if state.attempt_number in (1, 10) or state.attempt_number % 100 == 0:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "control connection interrupted", extra={"attempt": state.attempt_number, "error": str(error)}
        )


def _no_place(namespace: str, shares: Shares) -> errors.TooManyRequests:
    return errors.TooManyRequests(
        f"namespace {namespace} has {shares.held(namespace)} streams open on this node, which has room for "
        f"{shares.most} of all namespaces",
        hint="close some of them",
        retry_after=5,
    )
