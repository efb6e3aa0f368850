"""Which sessions there are, by VPS and id. Opens what is asked for, each once, however often it is asked."""

import asyncio
import collections
import dataclasses
import logging
import shlex
import weakref
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.agent.holder import crowd, program
from kohakuriver.agent.holder.attachment import Attachment
from kohakuriver.agent.holder.program import Spawn
from kohakuriver.agent.holder.session import Facts, Session, Size
from kohakuriver.agent.runtime.execs import Execs, Home

log = logging.getLogger(__name__)

UTF8: Final = "C.UTF-8"


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A terminal that somebody asks for."""

    uid: str
    container: str
    session: str
    user: str
    create: bool = True
    offset: int | None = None
    attachment: int | None = None
    size: Size | None = None
    redraw: bool = False
    term: str = ""
    lang: str = ""
    command: tuple[str, ...] = ()
    window: float = 86_400.0

    @classmethod
    def read(cls, line: dict[str, Any]) -> "Wanted":
        """As the agent wrote it; later agents may say more than this holder knows."""
        known = {field.name: line[field.name] for field in dataclasses.fields(cls) if field.name in line}
        if known.get("size"):
            known["size"] = Size(*known["size"])
        known["command"] = tuple(known.get("command") or ())
        return cls(**known)


class Sessions:
    """The sessions of one holder."""

    def __init__(self, execs: Execs, *, spawn: Spawn) -> None:
        self._execs = execs
        self._spawn = spawn
        self._all: dict[tuple[str, str], Session] = {}
        self._containers: dict[tuple[str, str], str] = {}
        self._being_made: collections.Counter[str] = collections.Counter()  # by VPS
        # Each as long as somebody has it or waits for it: ids are asked for that never are.
        self._turns: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    def __len__(self) -> int:
        return len(self._all)

    async def attach(self, wanted: Wanted) -> "Ready":
        """The session, made where there is none. Raises ApiError and EngineError."""
        key = (wanted.uid, wanted.session)
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            found = self._all.get(key)
            if found is not None and self._containers[key] != wanted.container:
                found = None  # the VPS has been started anew since
            created, told = found is None, {}
            if found is None:
                found = await self._made(wanted)
                told = self._take_in(key, wanted, found)
        found.set_window(wanted.window)
        return Ready(found, Attachment(found, found.admit(wanted.attachment)), wanted, created, told)

    def standing(self, uid: str) -> list[dict[str, Any]]:
        """What there is in one VPS, the oldest first."""
        return [session.standing() for session in self._of(uid)]

    def set_window(self, uid: str, seconds: float) -> None:
        for session in self._of(uid):
            session.set_window(seconds)

    def hang_up_all(self) -> None:
        for session in self._all.values():
            session.hang_up()

    async def _made(self, wanted: Wanted) -> Session:
        if not wanted.create:
            raise errors.NotFound(
                f"there is no session {wanted.session} any more",
                hint="it ended, or was hung up because nobody came back to it",
            )
        if not crowd.has_room(self._of(wanted.uid), being_made=self._being_made[wanted.uid]):
            raise errors.TooManyRequests(
                f"somebody is at each of the {crowd.MOST} sessions that this VPS may have",
                hint="see which: kohakuriver sessions NAME",
            )
        self._being_made[wanted.uid] += 1
        try:
            return await self._started(wanted)
        finally:
            self._being_made -= collections.Counter((wanted.uid,))  # which forgets what is zero

    async def _started(self, wanted: Wanted) -> Session:
        key = (wanted.uid, wanted.session)
        home = await self._execs.home(wanted.container)
        title = shlex.join(wanted.command) or "login shell"
        made = Session(
            Facts(wanted.session, wanted.user, title),
            window=wanted.window,
            gone=lambda one: self._drop(key, one),
        )
        env = {"TERM": wanted.term or "xterm-256color", **language(home, wanted.lang)}
        try:
            await program.start(
                self._execs,
                made,
                container=wanted.container,
                command=wanted.command,
                env=env,
                size=wanted.size,
                spawn=self._spawn,
            )
        except BaseException:
            made.discard()
            raise
        return made

    def _take_in(self, key: tuple[str, str], wanted: Wanted, made: Session) -> dict[str, Any]:
        """It is one of them from now on; what its client is told of the others."""
        others = [one for one in self._of(wanted.uid) if one.id != wanted.session]
        ending = crowd.makes_way(others)
        for one in ending:
            log.info("session %s was left longest ago and makes way for %s", one.id, wanted.session)
            one.give_up()
        self._all[key], self._containers[key] = made, wanted.container
        left = crowd.left_by(
            wanted.user, [one for one in others if one not in ending], asyncio.get_running_loop().time()
        )
        told = {"left": left, "madeWay": [one.id for one in ending]}
        return {name: what for name, what in told.items() if what}

    def _of(self, uid: str) -> list[Session]:
        return [session for (one, _), session in self._all.items() if one == uid]

    def _drop(self, key: tuple[str, str], session: Session) -> None:
        if self._all.get(key) is session:
            del self._all[key], self._containers[key]


def language(home: Home, lang: str) -> dict[str, str]:
    """UTF-8, unless the client or the container itself says something else."""
    return {} if "LANG" in home.env else {"LANG": lang or UTF8}


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """A session, and a place in it for a connection."""

    session: Session
    attachment: Attachment
    wanted: Wanted
    created: bool
    told: dict[str, Any]  # of other sessions

    def join(self, transport: asyncio.Transport) -> None:
        """Let the connection take that place."""
        self.attachment.adopt(transport)
        self.session.attach(
            self.attachment,
            offset=self.wanted.offset,
            size=self.wanted.size,
            redraw=self.wanted.redraw,
            created=self.created,
            told=self.told,
        )
