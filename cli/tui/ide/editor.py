"""One open file in an editor. Knows no network: what it is, whether it changed, and where things are in
it."""

from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.document._document_navigator import DocumentNavigator
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from kohakuriver.cli.tui.ide.document import Document
from kohakuriver.cli.tui.ide.lines import Lines, Unwrapped

_HIGHLIGHTED, _HIGHLIGHTED_LINES = 500_000, 20_000  # characters, lines; what is longer is shown plain
_COMPARED: Final = 300_000  # characters; what is longer counts as changed once it was typed in
_UNDO: Final = 500


class Editor(TextArea):
    """A document that is edited. Saving and closing are asked for with messages."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save"),
        Binding("ctrl+w", "close", "Close"),
        Binding("ctrl+f", "find", "Find"),
        Binding("ctrl+g", "go_to_line", "Line"),
        Binding("ctrl+home", "to_end(False)", "Top", show=False),
        Binding("ctrl+end", "to_end(True)", "End", show=False),
        Binding("f6", "app.next_tab", "Next tab", show=False),  # where Textual selects the line
        Binding("f3", "find_next(False)", "Next", show=False),
        Binding("shift+f3", "find_next(True)", "Before", show=False),
    ]
    DEFAULT_CSS = "Editor { height: 1fr; scrollbar-size: 1 1; }"

    class Wanted(Message):
        """Something that others do: save, close, find, line, next or before."""

        def __init__(self, editor: "Editor", what: str) -> None:
            self.editor, self.what = editor, what
            super().__init__()

    class Touched(Message):
        """It changed, or is again as it was."""

        def __init__(self, editor: "Editor") -> None:
            self.editor = editor
            super().__init__()

    def __init__(self, document: Document) -> None:
        self.opened = document
        self._is_dirty = False
        text = document.text
        is_short = len(text) <= _HIGHLIGHTED and text.count("\n") <= _HIGHLIGHTED_LINES
        known = document.language if is_short else None
        super().__init__(
            "",  # loaded below: Textual would wrap it first, line by line
            language=known,
            theme="vscode_dark",
            compact=True,
            soft_wrap=False,
            show_line_numbers=True,
            tab_behavior="indent",
            read_only=bool(document.read_only),
            max_checkpoints=_UNDO,
        )
        self.indent_type = "tabs" if document.uses_tabs else "spaces"
        self.load_text(document.text)

    def _set_document(self, text: str, language: str | None) -> None:
        """Textual's own, but for the documents: see lines.py."""
        super()._set_document(text if language else "", language)
        if not language:
            self.document = Lines(text)
        self.wrapped_document = Unwrapped(self.document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._rewrap_and_refresh_virtual_size()

    @property
    def is_dirty(self) -> bool:
        """Whether there is text that is not saved."""
        return self._is_dirty

    def was_saved(self, document: Document) -> None:
        """What is there now; what was typed meanwhile is unsaved still."""
        self.opened = document
        self._judge(afresh=True)

    def replace_with(self, document: Document) -> None:
        """Show another version of the file."""
        row, column = self.cursor_location
        self.opened = document
        self.read_only = bool(document.read_only)
        self.load_text(document.text)
        self.move_cursor((min(row, self.document.line_count - 1), column))
        self._judge(afresh=True)

    def on_text_area_changed(self) -> None:
        self._judge()

    def _judge(self, *, afresh: bool = False) -> None:
        """Long texts are not compared at each key: changed once is changed, until it is looked at afresh."""
        was = self._is_dirty
        is_known = was and not afresh and len(self.opened.text) > _COMPARED
        self._is_dirty = not self.read_only and (is_known or self.text != self.opened.text)
        if was != self._is_dirty:
            self.post_message(self.Touched(self))

    def find(self, text: str, *, backwards: bool = False) -> bool:
        """Select the next place of it, round the end; capitals count only where some are typed."""
        if not text:
            return False
        lines = self.text.splitlines()
        whole = "\n".join(lines)
        start, end = sorted(_index(lines, location) for location in self.selection)
        if text == text.lower() and len(whole.lower()) == len(whole):
            whole = whole.lower()
        if backwards:
            found = whole.rfind(text, 0, max(0, start))
            found = whole.rfind(text) if found < 0 else found
        else:
            found = whole.find(text, end)
            found = whole.find(text) if found < 0 else found
        if found < 0:
            return False
        self.selection = Selection(_location(whole, found), _location(whole, found + len(text)))
        self.scroll_cursor_visible(center=True)
        return True

    def go_to(self, line: int) -> None:
        """Put the cursor on this line; lines count from 1."""
        row = min(max(1, line), self.document.line_count) - 1
        self.move_cursor((row, 0), center=True)

    def action_to_end(self, end: bool) -> None:
        self.move_cursor(self.document.end if end else (0, 0))

    def action_save(self) -> None:
        self.post_message(self.Wanted(self, "save"))

    def action_close(self) -> None:
        self.post_message(self.Wanted(self, "close"))

    def action_find(self) -> None:
        self.post_message(self.Wanted(self, "find"))

    def action_go_to_line(self) -> None:
        self.post_message(self.Wanted(self, "line"))

    def action_find_next(self, backwards: bool) -> None:
        self.post_message(self.Wanted(self, "before" if backwards else "next"))


def _index(lines: list[str], location: tuple[int, int]) -> int:
    row, column = location
    return sum(len(line) + 1 for line in lines[:row]) + column


def _location(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index), index - (text.rfind("\n", 0, index) + 1)
