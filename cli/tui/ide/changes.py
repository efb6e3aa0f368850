"""What is done to files from the tree: made, renamed, deleted, uploaded; asked about first, and told after.

Stands on operations.py, which knows no widget.
"""

from collections.abc import Callable

from textual.app import App

from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.tui.ide import operations
from kohakuriver.cli.tui.ide.asking import Choice, Line
from kohakuriver.cli.tui.ide.status import Status
from kohakuriver.cli.tui.ide.tree import FileTree, Place
from kohakuriver.cli.tui.ide.workbench import Workbench


class Changes:
    """Everything here raises ApiError and Unreachable. `another` makes a client of its own stream."""

    def __init__(self, app: App[int], files: FilesClient, another: Callable[[], FilesClient]) -> None:
        self._app, self._files, self._another = app, files, another

    @property
    def _tree(self) -> FileTree:
        return self._app.query_one(FileTree)

    @property
    def _workbench(self) -> Workbench:
        return self._app.query_one(Workbench)

    @property
    def _status(self) -> Status:
        return self._app.query_one(Status)

    async def carry_out(self, what: str, place: Place, folder: str) -> None:
        match what:
            case "new" | "folder":
                await self._make(what, folder)
            case "rename":
                await self._rename(place)
            case "delete":
                await self._delete(place)
            case "upload":
                question = f"Upload into {folder} which file or folder of this machine?"
                await self.upload(await self._app.push_screen_wait(Line(question, "~/")), folder)

    async def _make(self, what: str, folder: str) -> None:
        kind = "folder" if what == "folder" else "file"
        name = await self._app.push_screen_wait(Line(f"Name of the new {kind} in {folder}"))
        if not name:
            return
        path = await operations.make(self._files, folder, name, is_folder=what == "folder")
        await self._tree.refresh_folder(path.rpartition("/")[0] or "/", select=path)
        if what == "new":
            await self._workbench.open(path)

    async def _rename(self, place: Place) -> None:
        folder, _, old = place.path.rpartition("/")
        if not old or place.rest or place.path == self._tree.top:
            return
        name = await self._app.push_screen_wait(Line(f"New name of {place.path}", old))
        if not name or name == old:
            return
        path = name if name.startswith("/") else f"{folder}/{name}"
        await self._files.rename(place.path, path)
        self._workbench.renamed(place.path, path)
        await self._tree.refresh_folder(folder or "/", select=path)

    async def _delete(self, place: Place) -> None:
        if place.rest or place.path == self._tree.top:
            return
        what = "the folder and all that is in it" if place.is_folder and not place.is_link else "the file"
        question = f"Delete {what}?\n{place.path}\nThere is no way back."
        if await self._app.push_screen_wait(Choice(question, "Keep", "Delete")) != "Delete":
            return
        await self._files.remove(place.path, recursive=place.is_folder and not place.is_link)
        await self._tree.refresh_folder(place.path.rpartition("/")[0] or "/")

    async def upload(self, text: str, folder: str) -> None:
        found = operations.local_paths(text)
        if not found:
            if text.strip():
                self._app.notify("That is not a path of this machine.", severity="warning", markup=False)
            return
        names = ", ".join(path.name for path in found[:3]) + (", …" if len(found) > 3 else "")
        if (
            await self._app.push_screen_wait(Choice(f"Upload {names} into {folder}?", "Upload", "Cancel"))
            != "Upload"
        ):
            return
        files = self._another()
        try:
            for path in found:
                self._status.say(f"uploading {path.name}…")
                await operations.upload(files, path, folder)
        finally:
            files.close()
        self._status.say(f"uploaded {names}")
        await self._tree.refresh_folder(folder)
