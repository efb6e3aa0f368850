"""The files of the VPS as a tree: folders are listed when they are opened, large ones a page at a time.

Asks the files client for lists; what changes anything is asked for with messages.
"""

import dataclasses
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from kohakuriver import errors
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.files.entry import Entry

PAGE: Final = 500  # names that are shown of a folder at a time


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A line of the tree. `rest`: the entries behind a line that shows more of a folder."""

    path: str
    is_folder: bool = False
    is_link: bool = False
    rest: tuple[Entry, ...] = ()


class FileTree(Tree[Place]):
    """The tree of files below one folder."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "ask('new')", "New file"),
        Binding("N,shift+n", "ask('folder')", "New folder"),
        Binding("r,f2", "ask('rename')", "Rename"),
        Binding("delete,d", "ask('delete')", "Delete"),
        Binding("u", "ask('upload')", "Upload"),
        Binding("full_stop", "toggle_hidden", "Hidden"),
        Binding("backspace", "up", "Up"),
        Binding("f5", "look_again", "Again"),
    ]
    DEFAULT_CSS = """
    FileTree { padding: 0; background: $surface; scrollbar-size-vertical: 1; }
    FileTree:focus { background: $surface; }
    """

    class Opened(Message):
        """Somebody wants to see this file."""

        def __init__(self, path: str) -> None:
            self.path = path
            super().__init__()

    class Asked(Message):
        """new, folder, rename, delete or upload, at that place."""

        def __init__(self, what: str, place: Place, folder: str) -> None:
            self.what, self.place, self.folder = what, place, folder
            super().__init__()

    class Dropped(Message):
        """Paths of this machine were pasted onto a folder."""

        def __init__(self, text: str, folder: str) -> None:
            self.text, self.folder = text, folder
            super().__init__()

    class Failed(Message):
        """A folder could not be listed."""

        def __init__(self, words: str) -> None:
            self.words = words
            super().__init__()

    def __init__(self, files: FilesClient, *, id: str | None = None) -> None:
        super().__init__("…", Place("/", is_folder=True), id=id)
        self._files = files
        self._shows_hidden = False
        self.is_opening = False  # a file was chosen: keys until it is there are for nobody
        self.guide_depth = 2

    @property
    def top(self) -> str:
        """The folder that is shown."""
        return _place(self.root).path

    @property
    def folder(self) -> str:
        """The folder that the cursor is in."""
        node = self.cursor_node or self.root
        place = _place(node)
        if place.is_folder:
            return place.path
        return _place(node.parent).path if node.parent is not None else self.top

    async def show(self, folder: str) -> None:
        """Everything below that folder."""
        self.root.data = Place(folder, is_folder=True)
        self.root.set_label(folder)
        await self._fill(self.root)
        self.root.expand()
        self.move_cursor(self.root.children[0] if self.root.children else self.root)

    async def refresh_folder(self, folder: str, *, select: str = "") -> None:
        """List that folder again where it is shown; the cursor goes to `select` in it."""
        for node in self._every_node():
            if (
                _place(node).path == folder
                and _place(node).is_folder
                and (node.is_expanded or not node.children or select)
            ):
                await self._fill(node)
                node.expand()
                for child in node.children:
                    if select and _place(child).path == select:
                        self.call_after_refresh(self.move_cursor, child)
                return

    async def _fill(self, node: TreeNode[Place]) -> None:
        path = _place(node).path
        try:
            entries = await self._files.list(path)
        except errors.KohakuRiverError as error:
            self.post_message(self.Failed(error.message))
            return
        opened = {_place(child).path for child in node.children if child.is_expanded}
        node.remove_children()
        hidden = sum(entry.name.startswith(".") for entry in entries)
        if not self._shows_hidden:
            entries = [entry for entry in entries if not entry.name.startswith(".")]
        entries.sort(key=lambda entry: (not entry.is_folder, entry.name.lower(), entry.name))
        self._add(node, path, tuple(entries))
        if node is self.root and not entries:
            self._tell_empty(path, hidden=hidden)
        for child in list(node.children):
            if _place(child).path in opened:
                await self._fill(child)
                child.expand()

    def _add(self, node: TreeNode[Place], path: str, entries: tuple[Entry, ...]) -> None:
        """A page of them, and a line for the rest."""
        for entry in entries[:PAGE]:
            place = Place(_joined(path, entry.name), entry.is_folder, entry.kind == "link")
            label = _label(entry)
            if entry.is_folder:
                node.add(label, place, allow_expand=True)
            else:
                node.add_leaf(label, place)
        rest = entries[PAGE:]
        if rest:
            shown = min(PAGE, len(rest))
            label = Text(f"… {len(rest)} more: Enter shows {shown}", style="dim")
            node.add_leaf(label, Place(path, rest=rest))

    def _tell_empty(self, path: str, *, hidden: int) -> None:
        """In lines that even the narrowest tree holds."""
        lines = ["empty:", "n makes a file", *([f". shows {hidden} hidden"] if hidden else [])]
        for line in lines:
            self.root.add_leaf(Text(line, style="dim"), Place(path, is_folder=True))

    def _every_node(self) -> list[TreeNode[Place]]:
        found, waiting = [], [self.root]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting += node.children
        return found

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not self.is_opening and super().check_action(action, parameters)

    def action_select_cursor(self) -> None:
        place = _place(self.cursor_node or self.root)
        self.is_opening = not place.is_folder and not place.rest
        super().action_select_cursor()

    async def on_tree_node_expanded(self, event: Tree.NodeExpanded[Place]) -> None:
        event.stop()
        if not event.node.children:
            await self._fill(event.node)

    def on_tree_node_selected(self, event: Tree.NodeSelected[Place]) -> None:
        event.stop()
        node, place = event.node, _place(event.node)
        if place.rest and node.parent is not None:
            parent, line = node.parent, node.line
            node.remove()
            self._add(parent, place.path, place.rest)
            self.call_after_refresh(self.move_cursor_to_line, line)
        elif not place.is_folder:
            self.post_message(self.Opened(place.path))

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.post_message(self.Dropped(event.text, self.folder))

    def action_ask(self, what: str) -> None:
        node = self.cursor_node or self.root
        self.post_message(self.Asked(what, _place(node), self.folder))

    async def action_toggle_hidden(self) -> None:
        self._shows_hidden = not self._shows_hidden
        await self._fill(self.root)

    async def action_look_again(self) -> None:
        await self._fill(self.root)

    async def action_up(self) -> None:
        if self.top != "/":
            await self.show(self.top.rpartition("/")[0] or "/")

    def render_label(self, node: TreeNode[Place], base_style: Style, style: Style) -> Text:
        label = super().render_label(node, base_style, style)
        if node is self.root or not _place(node).is_link:
            return label
        return label + Text(" ↗", style=style + Style(dim=True))


def _place(node: TreeNode[Place]) -> Place:
    return node.data or Place("/", is_folder=True)


def _joined(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _label(entry: Entry) -> Text:
    """Names may be anything: no markup in them, no controls, and no bytes that are no text."""
    shown = entry.name.encode(errors="surrogateescape").decode(errors="replace")
    return Text("".join(char if char.isprintable() else "?" for char in shown))
