"""Copies between this machine and a VPS, in either direction: a file as it is, a folder as a tar stream."""

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from kohakuriver import errors
from kohakuriver.cli.files import local
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.files.meter import Meter
from kohakuriver.cli.files.place import Place, inside
from kohakuriver.trees.flow import Pipe
from kohakuriver.trees.members import Refused
from kohakuriver.trees.pack import pack
from kohakuriver.trees.unpack import temporary, unpack

T = TypeVar("T")
Notes = list[str]
Measure = Callable[[str, int | None], Meter]


async def fetch(files: FilesClient, source: Place, target: Place, measure: Measure) -> Notes:
    """From the VPS to here; what was left out, in words."""
    found = await files.stat(source.path)
    name = source.name if source.path.strip("./") else ""
    path = local.target(target.path, name, wants_folder=target.wants_folder)
    if not found.is_folder:
        if path.is_dir():
            raise errors.Conflict(f"{path} is a folder here", hint="remove it, or copy under another name")
        with measure(str(source), found.size) as meter:
            await _fetch_file(files, source.path, path, meter)
        return []
    if path.exists() and not path.is_dir():
        raise errors.Conflict(f"{path} is a file here, and {source} a folder", hint="choose another name")
    with measure(str(source), None) as meter:
        return await _fetch_folder(files, source.path, path, meter)


async def send(files: FilesClient, source: Place, target: Place, measure: Measure) -> Notes:
    """From here to the VPS; what was left out, in words."""
    status = local.status(source.path)
    path = await _remote_target(files, source, target)
    if stat.S_ISDIR(status.st_mode):
        with measure(source.path, None) as meter:
            return await _send_folder(files, Path(source.path), path, meter)
    if not stat.S_ISREG(status.st_mode):
        raise errors.BadRequest(f"{source}: it is neither a file nor a folder")
    with measure(source.path, status.st_size) as meter:
        await _send_file(files, Path(source.path), path, meter)
    return []


async def _fetch_file(files: FilesClient, source: str, path: Path, meter: Meter) -> None:
    with local.new_file(path) as made:

        async def take(data: bytes) -> None:
            made.write(data)
            meter.add(len(data))

        answer = await files.read_into(source, take)
        if answer["changed"]:
            raise errors.Conflict(
                f"{source}: it was written to while it was copied", hint="copy it again when it is at rest"
            )
        made.finish(mode=int(answer["mode"]), mtime=int(answer["mtime"]))


async def _fetch_folder(files: FilesClient, source: str, path: Path, meter: Meter) -> Notes:
    notes: Notes = []
    pipe = Pipe()

    async def take(data: bytes) -> None:
        await pipe.put(data)
        meter.add(len(data))

    with local.new_folder(path) as folder:
        async with _thread(pipe, lambda: unpack(pipe, folder, note=notes.append), source) as unpacking:
            answer = await files.archive(source, take)
            pipe.end()
            await unpacking
    return [*map(str, answer["left_out"]), *notes]


async def _send_file(files: FilesClient, source: Path, path: str, meter: Meter) -> None:
    with source.open("rb") as file:
        status = os.fstat(file.fileno())

        async def blocks() -> AsyncIterator[bytes]:
            async for data in local.blocks(file.fileno()):
                meter.add(len(data))
                yield data

        mode = stat.S_IMODE(status.st_mode)
        await files.write_from(path, blocks(), expect=None, mode=mode, mtime=int(status.st_mtime))


async def _send_folder(files: FilesClient, source: Path, path: str, meter: Meter) -> Notes:
    try:
        is_there = (await files.stat(path)).is_folder
    except errors.NotFound:
        is_there = False
    if is_there:
        return await _send_into(files, source, path, meter)
    above, _, name = path.rstrip("/").rpartition("/")
    hidden = f"{above}/{temporary(name)}" if above or path.startswith("/") else temporary(name)
    await files.folder(hidden, mode=0o700)
    try:
        notes = await _send_into(files, source, hidden, meter)
        await files.rename(hidden, path)
    except BaseException:
        with contextlib.suppress(errors.KohakuRiverError):
            await files.remove(hidden, recursive=True)
        raise
    return notes


async def _send_into(files: FilesClient, source: Path, path: str, meter: Meter) -> Notes:
    notes: Notes = []
    pipe = Pipe()

    async def blocks() -> AsyncIterator[bytes]:
        while data := await pipe.get():
            meter.add(len(data))
            yield data

    with local.opened(source) as folder:
        async with _thread(pipe, lambda: _packed(folder, pipe, notes), str(source)):
            answer = await files.extract(path, blocks())
    return [*notes, *map(str, answer["left_out"])]


def _packed(folder: int, pipe: Pipe, notes: Notes) -> None:
    pack(folder, pipe.write, notes.append)


@contextlib.asynccontextmanager
async def _thread(pipe: Pipe, work: Callable[[], T], what: str) -> AsyncIterator[asyncio.Future[T]]:
    """Work in a thread at one end of the pipe. Whichever end fails, the other is told, and the thread is
    waited for."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    working.add_done_callback(lambda done: pipe.end(None if done.cancelled() else done.exception()))
    try:
        yield working
    except BaseException as error:
        pipe.end(errors.Unreachable("the copy was broken off"))
        await asyncio.wait((working,))
        failure = working.exception()
        if isinstance(failure, Refused):
            raise errors.BadRequest(f"{what}: {failure}") from error
        if isinstance(failure, OSError):
            raise failure from error
        raise


async def _remote_target(files: FilesClient, source: Place, target: Place) -> str:
    try:
        found = await files.stat(target.path)
    except errors.NotFound:
        if target.wants_folder:
            raise errors.NotFound(
                f"there is no folder {target}", hint=f"write {str(target).rstrip('/')} to make it"
            ) from None
        return target.path
    return inside(target.path, source.name) if found.is_folder else target.path
