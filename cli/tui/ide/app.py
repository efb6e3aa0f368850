"""The IDE put together: files on the left, open files above, the terminal below; and the keys that hold
everywhere.

Widgets say what is wanted, with messages, and are told what came of it. The open files are workbench.py's,
what changes files is changes.py's.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.filter import LineFilter
from textual.widget import Widget
from textual.widgets import Static

from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.framework.harmless import HARMLESS
from kohakuriver.cli.session.remote import Dial
from kohakuriver.cli.tui.ide.asking import Dialog
from kohakuriver.cli.tui.ide.changes import Changes
from kohakuriver.cli.tui.ide.keys import Keys
from kohakuriver.cli.tui.ide.lasting import lasting
from kohakuriver.cli.tui.ide.opening import Opening
from kohakuriver.cli.tui.ide.status import Status
from kohakuriver.cli.tui.ide.terminal.pane import Pane
from kohakuriver.cli.tui.ide.terminal.shell import Shell
from kohakuriver.cli.tui.ide.tree import FileTree
from kohakuriver.cli.tui.ide.waiting import Waiting
from kohakuriver.cli.tui.ide.workbench import Workbench

_NARROW: Final = 100  # columns below which the files get less room


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """What the IDE works on. `files` makes a client of its own stream."""

    name: str
    files: Callable[[], FilesClient]
    terminal: Dial
    session: Callable[[], str]
    language: str = ""


class Ide(App[int]):
    """The editor on the screen; its exit code is 0."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "keys", "Keys", priority=True),
        Binding("f12", "terminal", "Terminal", priority=True),
        Binding("f11", "zoom", "Alone", priority=True),
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("ctrl+p", "open", "Open", priority=True),
        Binding("ctrl+b", "files", "Files", priority=True),
        Binding("f6", "next_tab", "Next tab"),
    ]
    CSS = """
    #body { height: 1fr; }
    #files { width: 30; border-right: vkey $panel; }
    .narrow #files { width: 22; }
    #right { width: 1fr; }
    #work { height: 3fr; }
    #shell { height: 2fr; }
    #bar { height: 1; background: $panel; color: $text-muted; padding: 0 1; }
    #bar.focused { background: $primary-muted; color: $text; }
    .alone #files, .alone #work, .alone #shell, .alone #bar { display: none; }
    .alone.files #files { display: block; width: 1fr; }
    .alone.files #right { display: none; }
    .alone.work #work, .alone.shell #shell, .alone.shell #bar { display: block; }
    .alone.work #work, .alone.shell #shell { height: 1fr; }
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.files = world.files()
        self.changes = Changes(self, self.files, world.files)
        self._came_from: Widget | None = None
        self.title = world.name

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), HARMLESS]

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield FileTree(self.files, id="files")
            with Vertical(id="right"):
                yield Workbench(self.files, id="work")
                yield Static("terminal", id="bar", markup=False)
                yield Pane(id="shell")
        yield Status(self.world.name)

    async def on_mount(self) -> None:
        self.theme = "tokyo-night"
        self.file_tree = self.query_one(FileTree)
        self.workbench = self.query_one(Workbench)
        self.pane = self.query_one(Pane)
        self.status = self.query_one(Status)
        self.shell = Shell(
            self.pane,
            self.world.terminal,
            session=self.world.session,
            language=self.world.language,
            told=self.status.tell_link,
        )
        self._begin(self.shell.run(), group="shell")
        self._begin(self._show_files())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Ctrl-P and Ctrl-B are the shell's while the terminal has the focus, and do nothing in a dialog.

        Elsewhere they come before the editor, or the letters behind them would be typed into the file.
        """
        if action in ("open", "files"):
            return len(self.screen_stack) == 1 and not isinstance(self.focused, Pane)
        return super().check_action(action, parameters)

    def _begin(self, work: Awaitable[object], **how: Any) -> None:
        self.run_worker(lasting(self, work), **how)

    async def _show_files(self) -> None:
        self.file_tree.focus()
        home = await self.files.stat(".")
        await self.file_tree.show(home.path)

    async def open(self, path: str) -> None:
        """Show that file in the editor."""
        await lasting(self, self.workbench.open(path))

    def _open(self, path: str) -> None:
        """The same beside the keys, which go nowhere meanwhile."""
        waiting = Waiting(f"opening {path.rpartition('/')[2]}…")

        async def opened(shown: Awaitable[None]) -> None:
            await shown
            try:
                await self.open(path)
            finally:
                self.file_tree.is_opening = False
                if waiting.is_current:
                    waiting.dismiss(False)

        def left(unwanted: bool | None) -> None:
            if unwanted:
                self.workers.cancel_group(self, "opening")

        shown = self.push_screen(waiting, left)
        self.run_worker(opened(shown), exclusive=True, group="opening")

    # What widgets want.

    def on_resize(self, event: events.Resize) -> None:
        self.screen_stack[0].set_class(event.size.width < _NARROW, "narrow")

    def on_workbench_said(self, message: Workbench.Said) -> None:
        self.status.say(message.words)

    def on_workbench_moved(self) -> None:
        self._tell()

    def on_workbench_emptied(self) -> None:
        self.file_tree.focus()

    def on_file_tree_opened(self, message: FileTree.Opened) -> None:
        self._open(message.path)

    def on_file_tree_failed(self, message: FileTree.Failed) -> None:
        self.notify(message.words, severity="error", markup=False)

    def on_file_tree_asked(self, message: FileTree.Asked) -> None:
        self._begin(self.changes.carry_out(message.what, message.place, message.folder))

    def on_file_tree_dropped(self, message: FileTree.Dropped) -> None:
        self._begin(self.changes.upload(message.text, message.folder))

    def on_pane_typed(self, message: Pane.Typed) -> None:
        self.shell.type(message.data)

    def on_pane_resized(self, message: Pane.Resized) -> None:
        self.shell.resize(message.rows, message.columns)

    def on_pane_titled(self, message: Pane.Titled) -> None:
        self.query_one("#bar", Static).update(f"terminal  {message.title}")

    def on_descendant_focus(self) -> None:
        if len(self.screen_stack) == 1:
            self.query_one("#bar").set_class(self.focused is self.pane, "focused")
            self._tell()

    # Keys that hold everywhere.

    def action_keys(self) -> None:
        if isinstance(self.screen, Keys):
            self.screen.action_leave()
        elif not isinstance(self.screen, Waiting):
            self.push_screen(Keys())

    def action_terminal(self) -> None:
        """To the terminal, and back to where one was."""
        if len(self.screen_stack) > 1:
            return
        self._unzoom()
        if self.focused is not self.pane:
            self._came_from = self.focused
            self.set_focus(self.pane)  # at once: focus() would let the next keys go to the old place
            return
        editor = self.workbench.editor
        known = (editor, self.file_tree)
        back = self._came_from if self._came_from in known else editor or self.file_tree
        if back is not None:
            self.set_focus(back)

    def action_zoom(self) -> None:
        """The part that has the focus alone."""
        if len(self.screen_stack) > 1:
            return
        if self.screen.has_class("alone"):
            self._unzoom()
            return
        focused = self.focused
        part = "files" if focused is self.file_tree else "shell" if focused is self.pane else "work"
        self.screen.add_class("alone", part)

    def _unzoom(self) -> None:
        self.screen.remove_class("alone", "files", "work", "shell")

    def action_files(self) -> None:
        self._unzoom()
        if self.focused is self.file_tree and self.workbench.editor is not None:
            self.set_focus(self.workbench.editor)
        else:
            self.set_focus(self.file_tree)

    def action_next_tab(self) -> None:
        self.workbench.next_tab()

    def action_open(self) -> None:
        """The dialog is there when this returns: the next key is for it, and never for the file below."""
        folder = self.file_tree.top

        def chosen(path: str | None) -> None:
            if path:
                self._open(f"{folder.rstrip('/')}/{path}")

        self.push_screen(Opening(self.world.files(), folder), chosen)

    async def action_quit(self) -> None:
        """From any dialog, which is left as by Escape."""
        for screen in reversed(self.screen_stack[1:]):
            if isinstance(screen, Dialog):
                screen.action_leave()
        self._begin(self._quit(), exclusive=True, group="quitting")

    async def _quit(self) -> None:
        if not await self.workbench.may_quit():
            return
        self.shell.hang_up()
        await asyncio.sleep(0.05)  # so that it is sent
        self.exit(0)

    # What is told.

    def _tell(self) -> None:
        self.status.show(self.workbench.editor, in_terminal=self.focused is self.pane)
