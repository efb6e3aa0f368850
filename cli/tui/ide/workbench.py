"""The open files: tabs of editors, and the line to find things with. Opens, saves and closes, and asks
before text is lost.

Knows the files client and nothing of the tree or the terminal.
"""

import contextlib
import dataclasses
from typing import Final

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static, Tab, TabbedContent, TabPane, Tabs

from kohakuriver import errors
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.tui.ide import saving
from kohakuriver.cli.tui.ide.asking import Choice
from kohakuriver.cli.tui.ide.comparing import Comparing
from kohakuriver.cli.tui.ide.document import Document
from kohakuriver.cli.tui.ide.editor import Editor
from kohakuriver.cli.tui.ide.finding import Finding
from kohakuriver.cli.tui.ide.lasting import lasting

_LOOK_EVERY: Final = 5.0  # seconds
WELCOME: Final = "Enter opens a file, Ctrl-P finds one by its name, F1 lists the keys"


class Workbench(Vertical):
    """All that is open."""

    DEFAULT_CSS = """
    Workbench #welcome { height: 1fr; content-align: center middle; color: $text-muted; }
    Workbench TabbedContent { height: 1fr; display: none; }
    Workbench.working TabbedContent { display: block; }
    Workbench.working #welcome { display: none; }
    Workbench TabPane { padding: 0; }
    Workbench { layers: below above; }
    Workbench #crowd { display: none; layer: above; dock: right; width: 9; height: 1; color: $text-accent; }
    Workbench.crowded #crowd { display: block; }
    Workbench.crowded ContentTabs { margin-right: 9; }
    """

    class Said(Message):
        """A message: something was done, and this is to be said of it."""

        def __init__(self, words: str) -> None:
            self.words = words
            super().__init__()

    class Moved(Message):
        """Another file, or another place in it, or it changed."""

    class Emptied(Message):
        """The last tab was closed."""

    def __init__(self, files: FilesClient, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._files = files
        self._numbers = 0

    def compose(self) -> ComposeResult:
        yield Static(WELCOME, id="welcome")
        yield TabbedContent()
        yield Static(id="crowd", markup=False)
        yield Finding()

    def on_mount(self) -> None:
        self.query_one(Tabs).can_focus = False
        self.watch(self.query_one("#tabs-scroll"), "scroll_x", self._mark_tabs, init=False)
        self.set_interval(_LOOK_EVERY, self._look_again)

    def on_descendant_focus(self) -> None:
        self._look_again()

    @work(exclusive=True, group="looking")
    async def _look_again(self) -> None:
        await lasting(self.app, self.look_again())

    def _mark_tabs(self) -> None:
        """Tabs that do not fit their line are counted, with an arrow to where more of them are."""
        if not self.editors:
            self.remove_class("crowded")
            return
        shown = self.query_one("#tabs-scroll")
        wanted = sum(tab.outer_size.width for tab in self.query(Tab))
        self.set_class(wanted > self.size.width, "crowded")
        before, behind = shown.scroll_x > 0, shown.scroll_x + shown.size.width < wanted
        at = self.editors.index(self.editor) + 1 if self.editor in self.editors else 0
        words = f"{'←' if before else ' '}{at}/{len(self.editors)}{'→' if behind else ' '}"
        self.query_one("#crowd", Static).update(f"{words:>9}")

    def on_resize(self) -> None:
        self.call_after_refresh(self._mark_tabs)

    @property
    def _tabs(self) -> TabbedContent:
        return self.query_one(TabbedContent)

    @property
    def editors(self) -> list[Editor]:
        return list(self.query(Editor))

    @property
    def editor(self) -> Editor | None:
        """The one that is shown."""
        pane = self._tabs.active_pane
        return pane.query_one(Editor) if pane is not None else None

    async def open(self, path: str) -> None:
        """Show that file, in its tab if it has one. Raises ApiError and Unreachable."""
        for editor in self.editors:
            if editor.opened.path == path:
                self.show(editor)
                return
        await self._add(await saving.load(self._files, path))

    def renamed(self, old: str, new: str) -> None:
        """Files keep their tabs, and unsaved text, when they or a folder above them get another name."""
        for editor in self.editors:
            path = editor.opened.path
            if path == old or path.startswith(f"{old}/"):
                editor.opened = dataclasses.replace(editor.opened, path=new + path[len(old) :])
                self._tabs.get_tab(_pane(editor)).label = _title(editor)
        self.post_message(self.Moved())

    def next_tab(self) -> None:
        if self.editors:
            self.query_one(Tabs).action_next_tab()
            self.call_after_refresh(lambda: self.editor and self.editor.focus())

    async def _add(self, document: Document) -> None:
        editor = Editor(document)
        self._numbers += 1
        pane = TabPane(_title(editor), editor, id=f"tab-{self._numbers}")
        await self._tabs.add_pane(pane)
        self.add_class("working")
        self.show(editor)
        if document.read_only:
            self.notify(
                f"Read-only: {document.read_only}.", title=document.name, severity="warning", markup=False
            )

    def show(self, editor: Editor) -> None:
        pane = _pane(editor)
        self._tabs.active = pane.id or ""
        editor.focus()
        self.post_message(self.Moved())

    async def save(self, editor: Editor) -> bool:
        """Whether it is saved now."""
        if editor.read_only or not (editor.is_dirty or not editor.opened.version):
            return True
        text = editor.text
        try:
            saved = await saving.save(self._files, editor.opened, text)
        except errors.KohakuRiverError as error:
            self.notify(f"{error.message}. The text is kept here; Ctrl-S tries again.", title="Not saved",
                        severity="error")  # fmt: skip
            return False
        if saved.outcome is saving.Outcome.SAVED:
            editor.was_saved(saved.document)
            self._say(f"saved {saved.document.path}")
            return True
        return await self._settle(editor, text, saved)

    async def _settle(self, editor: Editor, text: str, saved: saving.Saved) -> bool:
        """Somebody else was there."""
        name = editor.opened.name
        if saved.outcome is saving.Outcome.GONE:
            answer = await self.app.push_screen_wait(
                Choice(f"{name} is not on the node any more.", "Keep editing", "Write it again")
            )
            again = answer == "Write it again"
        else:
            answer = await self._between(name, text, saved.document)
            again = answer == "Overwrite"
        if answer == "Load theirs":
            editor.replace_with(saved.document)
            return True
        if not again:
            return False
        editor.opened = dataclasses.replace(editor.opened, version=saved.document.version)
        return await self.save(editor)

    async def _between(self, name: str, text: str, theirs: Document) -> str:
        """Which of two texts is to stay; they can be compared before that is said."""
        question = f"{name} was changed on the node since you opened it."
        answers = ("Keep editing", "Overwrite", "Load theirs", "Compare")
        while (answer := await self.app.push_screen_wait(Choice(question, *answers))) == "Compare":
            await self.app.push_screen_wait(Comparing(name, theirs.text, text))
        return answer

    async def close(self, editor: Editor) -> bool:
        """Close its tab, unless somebody wants to keep unsaved text."""
        if editor.is_dirty:
            self.show(editor)
            answer = await self.app.push_screen_wait(
                Choice(f"{editor.opened.name} has unsaved text.", "Save", "Drop it", "Keep editing")
            )
            if answer != "Drop it" and not (answer == "Save" and await self.save(editor)):
                return False
        await self._tabs.remove_pane(_pane(editor).id or "")
        if not self.editors:
            self.remove_class("working")
            self.post_message(self.Emptied())
        elif self.editor is not None:
            self.editor.focus()
        self.post_message(self.Moved())
        return True

    async def look_again(self) -> None:
        """What changed on the node is loaded where nothing is unsaved, and told where something is."""
        editor = self.editor
        if editor is None or not editor.opened.version:
            return
        path, version = editor.opened.path, editor.opened.version
        with contextlib.suppress(errors.KohakuRiverError):  # gone, or no link: saving will tell
            if (await self._files.stat(path)).version == version:
                return
            theirs = await saving.load(self._files, path)
            if editor.opened.version != version or editor.opened.path != path:
                return  # it was saved or renamed meanwhile
            if editor.is_dirty:
                self._say(f"{theirs.name} was changed on the node; saving will ask")
            else:
                editor.replace_with(theirs)
                self._say(f"{theirs.name} was changed on the node, and is loaded again")

    async def may_quit(self) -> bool:
        """Whether nothing is lost by it; unsaved text is asked about, and saved if that is wanted."""
        unsaved = [editor for editor in self.editors if editor.is_dirty]
        if not unsaved:
            return True
        names = ", ".join(editor.opened.name for editor in unsaved)
        answer = await self.app.push_screen_wait(
            Choice(f"There is unsaved text in {names}.", "Save and quit", "Quit without saving", "Stay")
        )
        if answer != "Save and quit":
            return answer == "Quit without saving"
        for editor in unsaved:
            if not await self.save(editor):
                self.show(editor)
                return False
        return True

    # What editors want.

    def on_editor_wanted(self, message: Editor.Wanted) -> None:
        finding = self.query_one(Finding)
        match message.what:
            case "save":
                self.run_worker(lasting(self.app, self.save(message.editor)))
            case "close":
                self.run_worker(lasting(self.app, self.close(message.editor)))
            case "find" | "line":
                selected = message.editor.selected_text
                finding.show(line=message.what == "line", text="" if "\n" in selected else selected)
            case "next" | "before":
                self._find(finding.text, backwards=message.what == "before")

    def on_finding_asked(self, message: Finding.Asked) -> None:
        if message.line:
            if self.editor is not None and message.text.strip().isdigit():
                self.editor.go_to(int(message.text))
        else:
            self._find(message.text, backwards=message.backwards)

    def _find(self, text: str, *, backwards: bool) -> None:
        if text and self.editor is not None and not self.editor.find(text, backwards=backwards):
            self._say(f'"{text}" is not in {self.editor.opened.name}')

    def on_finding_left(self) -> None:
        if self.editor is not None:
            self.editor.focus()

    def on_editor_touched(self, message: Editor.Touched) -> None:
        self._tabs.get_tab(_pane(message.editor)).label = _title(message.editor)
        self.post_message(self.Moved())

    def on_text_area_selection_changed(self) -> None:
        self.post_message(self.Moved())

    def on_tabbed_content_tab_activated(self) -> None:
        self.call_after_refresh(self._mark_tabs)
        self.post_message(self.Moved())

    def _say(self, words: str) -> None:
        self.post_message(self.Said(words))


def _pane(editor: Editor) -> TabPane:
    return next(node for node in editor.ancestors if isinstance(node, TabPane))


def _title(editor: Editor) -> str:
    mark = "● " if editor.is_dirty else "⊘ " if editor.read_only else ""
    return mark + editor.opened.name.replace("[", "\\[")
