"""The holder's unix socket: one line in, one line out, then the frames of a stream. Decides nothing."""

import asyncio
import json
import logging
from typing import Any

from kohakuriver import errors
from kohakuriver.agent.holder.pipes import Pipes
from kohakuriver.agent.holder.program import Spawn
from kohakuriver.agent.holder.sessions import Sessions, Wanted, language
from kohakuriver.agent.holder.wire import LINE_LIMIT
from kohakuriver.agent.runtime.errors import EngineError, NotFound, WrongState
from kohakuriver.agent.runtime.execs import Execs

log = logging.getLogger(__name__)


class Reception:
    """Whoever connects."""

    def __init__(self, sessions: Sessions, execs: Execs, *, spawn: Spawn) -> None:
        self._sessions = sessions
        self._execs = execs
        self._spawn = spawn
        self._commands: set[Pipes] = set()

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to hold."""
        return bool(self._sessions or self._commands)

    def caller(self) -> asyncio.Protocol:
        """For one connection."""
        return _Caller(self)

    def heard(self, transport: asyncio.Transport, line: bytes) -> None:
        """The one line of a caller."""
        self._spawn(self._answer(transport, line))

    async def _answer(self, transport: asyncio.Transport, line: bytes) -> None:
        try:
            await self._serve(transport, json.loads(line))
        except errors.ApiError as error:
            _refuse(transport, error)
        except EngineError as error:
            _refuse(transport, _mapped(error))
        except (ValueError, TypeError, KeyError) as error:
            _refuse(transport, errors.BadRequest(f"the session holder does not understand: {error}"))
        except Exception:
            log.exception("a caller could not be served")
            _refuse(transport, errors.InternalError("the session holder failed; its log says more"))

    async def _serve(self, transport: asyncio.Transport, line: dict[str, Any]) -> None:
        match line.pop("op"):
            case "terminal":
                ready = await self._sessions.attach(Wanted.read(line))
                _answer(transport, {"ok": {}})
                ready.join(transport)
            case "exec":
                await self._exec(transport, line)
            case "list":
                _answer(transport, {"ok": self._sessions.standing(str(line["uid"]))})
                transport.close()
            case "window":
                self._sessions.set_window(str(line["uid"]), float(line["seconds"]))
                _answer(transport, {"ok": {}})
                transport.close()
            case op:
                raise errors.BadRequest(f"the session holder knows no {op}; it is older than the agent")

    async def _exec(self, transport: asyncio.Transport, line: dict[str, Any]) -> None:
        container = str(line["container"])
        home = await self._execs.home(container)
        pipes = await Pipes.made(
            self._execs,
            container,
            [str(word) for word in line["command"]],
            env=language(home, str(line.get("lang") or "")),
            stdin=bool(line.get("stdin")),
            spawn=self._spawn,
            gone=self._commands.discard,
        )
        self._commands.add(pipes)
        try:
            _answer(transport, {"ok": {}})
            await pipes.run(transport)
        except BaseException:
            self._commands.discard(pipes)
            raise


class _Caller(asyncio.Protocol):
    """Until its line has been read."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # as elsewhere

    def data_received(self, data: bytes) -> None:
        self._came += data
        line, gap, rest = self._came.partition(b"\n")
        if len(line) > LINE_LIMIT or rest:  # a caller waits for our line before it says more
            self._transport.abort()
        elif gap:
            self._transport.pause_reading()
            self._reception.heard(self._transport, line)


def _answer(transport: asyncio.Transport, content: dict[str, Any]) -> None:
    transport.write(json.dumps(content).encode() + b"\n")


def _refuse(transport: asyncio.Transport, error: errors.ApiError) -> None:
    if not transport.is_closing():
        _answer(transport, {"refused": error.to_status()})
        transport.close()


def _mapped(error: EngineError) -> errors.ApiError:
    if isinstance(error, NotFound | WrongState):
        return errors.Conflict(f"nothing can be started in the container: {error.message}")
    return errors.Unavailable(f"the container engine: {error.message}")
