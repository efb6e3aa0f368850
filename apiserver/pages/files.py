"""The files of the web page, as its build has left them: read beside the loop, and kept in memory.

    index.html              answered for every path that is no file: the page itself knows its routes
    assets/NAME-HASH.EXT    never changed under one name, so browsers keep them
    …/NAME.EXT.gz           the file beside it, compressed

What is asked for is looked up among the names that were read, so no path leads out of the folder. They are
read again once the folder is another one: after an upgrade, or a build in a checkout.
"""

import asyncio
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

import kohakuriver
from kohakuriver import errors

FOLDER: Final = Path(kohakuriver.__file__).parent / "web"
INDEX: Final = "index.html"
ASSETS: Final = "assets/"
PACKED: Final = ".gz"
MOST_FILES: Final = 1000
MOST_BYTES: Final = 64 * 1024 * 1024  # of all of them; each is in memory
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_ANY_TYPE: Final = "application/octet-stream"

Stamp = tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One file, and the same compressed where that lies beside it."""

    content: bytes
    media_type: str
    tag: str
    packed: bytes | None = None
    is_index: bool = False
    is_kept: bool = False  # by browsers, for as long as they like


class Files:
    """Those of one folder, which need not be there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: Mapping[str, File] = {}
        self._stamp: Stamp = ()
        self._reading = asyncio.Lock()

    async def find(self, path: str) -> File:
        """The file of that name, or the page for every other path. Raises NotFound."""
        kept = self._files.get(path)
        if kept is not None and not kept.is_index:
            return kept
        files = await self._current()
        if path.startswith(ASSETS) and path not in files:
            raise errors.NotFound(
                f"the web page has no file {path[:100]}", hint="load the page again: it was upgraded"
            )
        return files.get(path) or files[INDEX]

    async def _current(self) -> Mapping[str, File]:
        try:
            stamp = await asyncio.to_thread(_stamp_of, self._folder)
            if stamp != self._stamp:
                async with self._reading:
                    if stamp != self._stamp:
                        self._files = await asyncio.to_thread(read, self._folder)
                        self._stamp = stamp
        except (FileNotFoundError, NotADirectoryError):
            raise errors.NotFound(
                "this API server has no web page: it has not been built",
                hint="build it in the checkout that the server runs from: make web",
            ) from None
        except OSError as error:
            raise errors.NotFound(
                f"this API server cannot read its web page: {error}", hint="install KohakuRiver again"
            ) from error
        return self._files


FILES = web.AppKey("files", Files)


def read(folder: Path) -> dict[str, File]:
    """Every file of the folder by its name in it. Raises OSError, also for more than may be kept."""
    contents: dict[str, bytes] = {}
    size = 0
    for path in _inside(folder):
        contents[path.relative_to(folder).as_posix()] = content = path.read_bytes()
        size += len(content)
        if len(contents) > MOST_FILES or size > MOST_BYTES:
            raise OSError(f"{folder} holds more than {MOST_FILES} files or {MOST_BYTES} bytes")
    if INDEX not in contents:
        raise FileNotFoundError(f"there is no {INDEX} in {folder}")
    return {
        name: _file(name, content, contents.get(name + PACKED))
        for name, content in contents.items()
        if not (name.endswith(PACKED) and name.removesuffix(PACKED) in contents)
    }


def _inside(folder: Path) -> Iterator[Path]:
    """Its files, in order; none that a link leads out of it to."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.resolve().is_relative_to(root):
            yield path


def _file(name: str, content: bytes, packed: bytes | None) -> File:
    media_type = _MEDIA_TYPES.get(Path(name).suffix.lower(), _ANY_TYPE)
    is_index = name == INDEX
    return File(
        content,
        media_type,
        tag=hashlib.sha256(content).hexdigest()[:32],
        packed=None if is_index else packed,  # each answer of it is another one
        is_index=is_index,
        is_kept=name.startswith(ASSETS),
    )


def _stamp_of(folder: Path) -> Stamp:
    """By which another build is seen: that of the page, and of the folders that its files lie in."""
    found = [(folder / INDEX).stat(), folder.stat()]
    assets = folder / ASSETS
    if assets.is_dir():
        found.append(assets.stat())
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)
