"""Which files of a VPS differ from its image, or from one of its namespace's Snapshots on this node.

    the engine's list of changes, or two lists of all files  ─►  `Differences`, on disk  ─►  a line each

What was found is sent only once all of it is there: a slow reader holds up no engine. Works on VPSes that are
stopped or paused too. The server has said which Snapshot is meant, and that its visitor may read it.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from kohakuriver import errors, image_name
from kohakuriver.agent.runtime.base import Change, Runtime
from kohakuriver.agent.runtime.errors import EngineError, ImageMissing
from kohakuriver.agent.shares import Shares
from kohakuriver.agent.snapshots.files import Files
from kohakuriver.agent.streams import archived
from kohakuriver.agent.streams.differences import Differences
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.streams.stream import Stream

AT_ONCE: Final = 8  # that somebody reads, or waits for
COMPARED: Final = 2  # of them, at a time

# What the engine makes anew with each container, and what is not in the files of any.
_OF_THE_ENGINE: Final = re.compile(
    r"/(\.dockerenv|etc/(hosts|hostname|resolv\.conf|mtab)|(dev|proc|sys)(/.*)?)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """The Snapshot to compare with."""

    uid: str
    volumes: tuple[tuple[str | None, str], ...]  # name and target


class Changes:
    """The door."""

    def __init__(
        self, runtime: Runtime, files: Files, *, threads: concurrent.futures.Executor | None = None
    ) -> None:
        self._runtime = runtime
        self._files = files
        self._threads = threads
        self._open = Shares(AT_ONCE)
        self._compared = Shares(COMPARED)

    async def open(self, opening: Opening) -> Opened:
        origin = _origin(opening)
        if origin is not None:
            reference = image_name.of_snapshot(origin.uid)
            if await self._runtime.image(reference) is None:
                raise errors.Conflict("the files of that Snapshot are not on the node any more")
        if not self._open.take(opening.namespace):
            raise errors.TooManyRequests(
                f"namespace {opening.namespace} compares files {self._open.held(opening.namespace)} times on "
                "this node already",
                hint="wait until some of that is over",
                retry_after=5,
            )
        return _Comparison(self, opening, origin)

    def give_back(self, opening: Opening) -> None:
        self._open.give_back(opening.namespace)

    async def find(self, opening: Opening, origin: Origin | None, found: Differences) -> None:
        """Fill it. Raises EngineError and ApiError."""
        container = opening.container.id
        async with self._compared.place(opening.namespace):
            if origin is None:
                await self._runtime.changes(container, lambda told: found.changed(_kept(told)))
                return
            mounted = await self._runtime.volumes_of(container)
            targets = frozenset(one.target for one in mounted)
            reference = image_name.of_snapshot(origin.uid)
            await self._runtime.files_of_image(
                reference, lambda told: found.there_was(_kept(told, but=targets))
            )
            await self._runtime.files(container, lambda told: found.there_is(_kept(told, but=targets)))
            folders = {one.target: one.folder for one in mounted}
            for name, target in origin.volumes:
                file = self._files.archive(origin.uid, name, target)
                await self._work(
                    lambda file=file, target=target: archived.packed(file, target, found.there_was)
                )
                if target in folders:
                    folder = Path(folders[target])
                    await self._work(
                        lambda folder=folder, target=target: archived.lying(folder, target, found.there_is)
                    )
            await self._work(found.compare)

    async def portions(self, found: Differences) -> AsyncIterator[list[Change]]:
        rows = found.all()
        while (portion := await self._work(lambda: next(rows, None))) is not None:
            yield portion

    def close(self, found: Differences) -> None:
        """In a thread, as it may be at work."""
        asyncio.get_running_loop().run_in_executor(self._threads, found.close)

    async def _work(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Comparison:
    """One, for one visitor."""

    def __init__(self, door: Changes, opening: Opening, origin: Origin | None) -> None:
        self._door = door
        self._opening = opening
        self._origin = origin

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        stream = Stream(masks=False)
        stream.framed.adopt(transport, first)
        telling = asyncio.create_task(self._tell(stream), name="comparing files")
        gone = asyncio.create_task(stream.wait_closed(), name="until they go")
        try:
            await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
                await gone
        finally:
            for task in (telling, gone):
                task.cancel()
            await asyncio.gather(telling, gone, return_exceptions=True)
            self._door.give_back(self._opening)

    async def aclose(self) -> None:
        self._door.give_back(self._opening)

    async def _tell(self, stream: Stream) -> None:
        found = Differences()
        with contextlib.suppress(errors.Unreachable), contextlib.ExitStack() as over:
            over.callback(self._door.close, found)
            try:
                await self._door.find(self._opening, self._origin, found)
                async for portion in self._door.portions(found):
                    await stream.send(b"".join(map(_line, portion)))
            except errors.Unreachable:
                raise  # they have gone
            except errors.KohakuRiverError as error:
                await stream.send_control({"error": _status(error)})
            else:
                await stream.send_control({"end": {"reason": "Ended", "message": "that is all"}})
            stream.close()


def _origin(opening: Opening) -> Origin | None:
    uid = opening.text("snapshot")
    if not uid:
        return None
    try:
        listed = json.loads(opening.text("volumes") or "[]")
        volumes = tuple((one.get("name"), str(one["target"])) for one in listed)
        return Origin(uid, volumes)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.BadRequest("the server did not say which Snapshot is meant") from error


def _status(error: errors.KohakuRiverError) -> dict[str, Any]:
    match error:
        case errors.ApiError():
            return error.to_status()
        case ImageMissing():
            words = "the files of that Snapshot are not on the node any more"
            return errors.Conflict(words).to_status()
        case EngineError():
            return errors.Unavailable(f"the container engine: {error.message}", hint=error.hint).to_status()
    return errors.Unavailable(error.message, hint=error.hint).to_status()


def _kept(told: Sequence[Any], *, but: frozenset[str] = frozenset()) -> list[Any]:
    """Without what is the engine's, and without the folders at which something is mounted."""
    return [one for one in told if one.path not in but and not _OF_THE_ENGINE.fullmatch(one.path)]


def _line(change: Change) -> bytes:
    found = {"path": change.path, "kind": change.kind.value}
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"
