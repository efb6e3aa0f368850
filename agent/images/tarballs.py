"""Brings the tarballs of Environments to the engine: fetched once, checked against their digest, then loaded.

Called by images.py in place of a pull. A path that this machine lacks is asked of the other nodes. What is
handed to the engine is a copy of the agent's own, which nobody can change between the check and the load;
it is removed again.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Protocol

import aiohttp

from kohakuriver import errors, private_file
from kohakuriver.agent.images.environments import Tarball
from kohakuriver.agent.runtime.base import PullProgress, Runtime
from kohakuriver.agent.runtime.errors import ImagePullFailed

CHUNK = 1 << 20
SILENCE = 60.0  # seconds without a byte after which a server counts as gone

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Progress = Callable[[PullProgress], None]


class Sources(Protocol):
    """What says which tarball an image is made of: the Environments."""

    def tarball(self, image: str) -> Tarball | None: ...


class Neighbours(Protocol):
    """The cluster's other nodes, which may have a tarball that this one lacks."""

    def chunks(self, name: str, sized: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
        """The tarball of that Environment; its size is told first. Raises KohakuRiverError."""
        ...


class Tarballs:
    """Loads them."""

    def __init__(
        self,
        runtime: Runtime,
        environments: Sources,
        folder: Path,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._neighbours = neighbours
        self._runtime = runtime
        self._environments = environments
        self._folder = folder

    def knows(self, image: str) -> bool:
        """Whether the image is an Environment's tarball."""
        return self._environments.tarball(image) is not None

    async def fetch(self, image: str, progress: Progress) -> None:
        """Make the image. Raises ImagePullFailed, or what the runtime raises."""
        tarball = self._environments.tarball(image)
        if tarball is None:
            raise ImagePullFailed(f"no Environment stands for {image} any more")
        copy = self._folder / tarball.digest.removeprefix("sha256:")
        try:
            await asyncio.to_thread(private_file.make_folder, self._folder)
            digest = await self._copy(tarball, copy, progress)
            if digest != tarball.digest:
                raise ImagePullFailed(
                    f"{tarball.source} is not what the Environment names: its digest is {digest}, "
                    f"not {tarball.digest}",
                    hint="bring the right file there, or correct the Environment's digest",
                )
            progress(PullProgress(None, "handing it to the engine"))
            await self._runtime.load(copy, image)
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise ImagePullFailed(f"{tarball.source} cannot be fetched: {why}") from error
        except OSError as error:
            why = error.strerror or str(error)
            how = f"copied to {self._folder} of" if error.errno in _NO_ROOM else "read on"
            raise ImagePullFailed(f"{tarball.source} cannot be {how} this node: {why}") from error
        except errors.ApiError as error:
            raise ImagePullFailed(error.message, hint=error.hint) from error
        except errors.Unreachable as error:
            raise ImagePullFailed(f"{tarball.source} was not fetched whole: {error.message}") from error
        finally:
            with contextlib.suppress(OSError):  # it is replaced by the next try
                await asyncio.to_thread(copy.unlink, missing_ok=True)

    async def _copy(self, tarball: Tarball, copy: Path, progress: Progress) -> str:
        if tarball.is_path and self._neighbours and not await asyncio.to_thread(_is_here, tarball.source):
            return await _borrow(self._neighbours, tarball.environment, copy, progress)
        if tarball.is_path:
            loop = asyncio.get_running_loop()

            def tell(step: PullProgress) -> None:
                loop.call_soon_threadsafe(progress, step)

            return await asyncio.to_thread(_copy_file, Path(tarball.source), copy, tell)
        return await _download(tarball.source, copy, progress)


def _copy_file(source: Path, copy: Path, progress: Progress) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as reading, copy.open("wb") as writing:
        meter = _Meter(os.fstat(reading.fileno()).st_size, progress)
        while chunk := reading.read(CHUNK):
            digest.update(chunk)
            writing.write(chunk)
            meter.add(len(chunk))
    return f"sha256:{digest.hexdigest()}"


def _is_here(path: str) -> bool:
    return Path(path).is_file()


async def _borrow(neighbours: Neighbours, name: str, copy: Path, progress: Progress) -> str:
    digest, meter = hashlib.sha256(), _Meter(0, progress)
    with await asyncio.to_thread(copy.open, "wb") as writing:
        async with contextlib.aclosing(neighbours.chunks(name, meter.expect)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(writing.write, chunk)
                digest.update(chunk)
                meter.add(len(chunk))
    return f"sha256:{digest.hexdigest()}"


async def _download(url: str, copy: Path, progress: Progress) -> str:
    """Through the proxy that the environment names, and with the password that `.netrc` has for the host."""
    digest = hashlib.sha256()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=SILENCE)
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
        session.get(url) as response,
    ):
        response.raise_for_status()
        meter = _Meter(response.content_length or 0, progress)
        with await asyncio.to_thread(copy.open, "wb") as writing:
            async for chunk in response.content.iter_chunked(CHUNK):
                await asyncio.to_thread(writing.write, chunk)
                digest.update(chunk)
                meter.add(len(chunk))
    return f"sha256:{digest.hexdigest()}"


class _Meter:
    """Tells each whole percent once."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._told = -1

    def expect(self, total: int) -> None:
        """So many bytes will come."""
        self._total = total

    def add(self, count: int) -> None:
        self._done += count
        percent = min(100, 100 * self._done // self._total) if self._total else None
        if percent is not None and percent != self._told:
            self._told = percent
            self._progress(PullProgress(percent, f"loading {percent} %"))
