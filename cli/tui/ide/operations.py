"""What is done to files from the IDE, beyond one request. Knows no widget."""

from pathlib import Path
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.files import copy
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.files.meter import Meter
from kohakuriver.cli.files.place import Place
from kohakuriver.cli.tui.ide import dropping


async def make(files: FilesClient, folder: str, name: str, *, is_folder: bool) -> str:
    """An empty file or a folder, with the folders on the way; its path."""
    path = name if name.startswith("/") else f"{folder.rstrip('/')}/{name}"
    above = path.rstrip("/").rpartition("/")[0]
    if "/" in name.strip("/"):
        await _make_all(files, above)
    if is_folder or name.endswith("/"):
        await files.folder(path)
    else:
        await files.write(path, b"", expect="")
    return path.rstrip("/")


async def _make_all(files: FilesClient, path: str) -> None:
    made = ""
    for part in path.strip("/").split("/"):
        made += f"/{part}"
        await files.folder(made, existing=True)


def local_paths(text: str) -> list[Path]:
    """What was typed or pasted, on this machine."""
    found = dropping.paths(text)
    if not found and text.strip():
        typed = Path(text.strip()).expanduser()
        found = [typed.absolute()] if typed.exists() else []
    return found


async def upload(files: FilesClient, path: Path, folder: str) -> None:
    """A file or a folder into a folder of the VPS. Raises Conflict where that name is there already."""
    target = f"{folder.rstrip('/')}/{path.name}"
    try:
        await files.stat(target, follow=False)
    except errors.NotFound:
        await copy.send(files, Place(str(path)), Place(target, "vps"), _silent)
        return
    raise errors.Conflict(f"{target} is there already", hint="rename or delete it first")


class _Silent(Meter):
    def add(self, size: int) -> None:
        """The status line says enough."""


def _silent(what: str, total: int | None) -> Any:
    return _Silent(what, total=total)
