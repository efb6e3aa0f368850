"""The IDE as a person uses it: open, edit, save, conflicts, dropped links, quitting; a terminal beside it."""

import asyncio
from collections.abc import Callable

import pytest
from textual import events
from textual.containers import VerticalScroll
from textual.timer import Timer
from textual.widgets import Input

from kohakuriver.cli.files.client import Content
from kohakuriver.cli.tui.ide.asking import Line
from kohakuriver.cli.tui.ide.comparing import Comparing
from kohakuriver.cli.tui.ide.keys import Keys
from kohakuriver.cli.tui.ide.opening import Opening
from kohakuriver.cli.tui.ide.terminal.screen import Screen
from kohakuriver.cli.tui.ide.waiting import Waiting

pytestmark = pytest.mark.looptime  # Textual's pauses cost nothing


async def test_it_opens_in_roots_home_and_shows_folders_first(desk) -> None:
    async with desk() as one:
        assert one.tree.top == "/root"
        assert one.names() == ["src", "a.py"]
        await one.press("full_stop")
        await one.until(lambda: one.names() == ["src", ".hidden", "a.py"])


async def test_an_empty_folder_says_what_can_be_done_there(desk) -> None:
    async with desk() as one:
        (one.root / "root/src/b.txt").rename(one.root / "root/src/.b")
        await one.app.file_tree.show("/root/src")
        assert one.names() == ["empty:", "n makes a file", ". shows 1 hidden"]
        await one.press("enter", "delete", "r")
        assert len(one.app.screen_stack) == 1 and one.app.workbench.editor is None
        await one.press("full_stop")
        await one.until(lambda: one.names() == [".b"])
        (one.root / "root/src/.b").unlink()
        await one.press("f5")
        await one.until(lambda: one.names() == ["empty:", "n makes a file"])
        await one.press("n")
        await one.answer_line("new")
        await one.until(lambda: one.names() == ["new"])


async def test_tabs_that_do_not_fit_are_counted(desk) -> None:
    async with desk() as one:
        crowd = one.app.query_one("#crowd")

        async def told(words: str) -> None:
            await one.until(lambda: one.app.workbench.has_class("crowded"))
            await one.until(lambda: words in str(crowd.render()))

        for number in range(12):
            (one.root / f"root/a-long-name-{number}").write_text("x")
        for number in range(2):
            await one.open(f"/root/a-long-name-{number}")
        assert not one.app.workbench.has_class("crowded")
        for number in range(2, 12):
            await one.open(f"/root/a-long-name-{number}")
        await told("12/12")


async def test_a_file_is_opened_edited_and_saved(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        assert editor.language == "python" and not editor.is_dirty
        await one.press("ctrl+home")
        await one.type("# hi")
        await one.press("enter")
        assert editor.is_dirty
        await one.until(lambda: one.tabs() == ["● a.py"])
        await one.press("ctrl+s")
        await one.until(lambda: not editor.is_dirty)
        await one.until(lambda: one.tabs() == ["a.py"])
        assert (one.root / "root/a.py").read_text() == "# hi\nimport os\n\n\ndef main():\n    return os\n"
        await one.press("ctrl+end")
        assert editor.cursor_location == editor.document.end
        await one.press("ctrl+z", "ctrl+z", "ctrl+z")
        assert editor.is_dirty


async def test_no_file_and_no_name_moves_the_terminal_that_the_ide_is_in(desk) -> None:
    async with desk() as one:
        (one.root / "root/\x1b]0;name\x07").write_text("x \x1b]52;c;cHdu\x07 \x9b2J\u202e y\n")
        await one.open("/root/\x1b]0;name\x07")
        shown = [strip.text for strip in one.app.screen._compositor.render_strips()]
        assert any("]52;c;cHdu" in line for line in shown), "it is shown, as text"
        assert all(line.isprintable() for line in shown)


async def test_a_line_that_is_drawn_again_is_not_made_harmless_again(desk) -> None:
    async with desk() as one:
        assert one.app.get_line_filters() == one.app.get_line_filters()


async def test_undo_to_what_was_saved_is_no_change(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("x")
        assert editor.is_dirty
        await one.press("ctrl+z")
        await one.until(lambda: not editor.is_dirty)


@pytest.mark.fault(57)
async def test_a_file_that_changed_on_the_node_is_asked_about(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("mine")
        (one.root / "root/a.py").write_text("theirs\n")
        await one.press("ctrl+s")
        await one.answer("Keep editing")
        assert editor.is_dirty and (one.root / "root/a.py").read_text() == "theirs\n"
        await one.press("ctrl+s")
        await one.answer("Overwrite")
        await one.until(lambda: not editor.is_dirty)
        assert (one.root / "root/a.py").read_text().startswith("mine")
        (one.root / "root/a.py").write_text("theirs again\n")
        await one.type("more")
        await one.press("ctrl+s")
        await one.answer("Load theirs")
        assert editor.text == "theirs again\n" and not editor.is_dirty


async def test_what_changed_on_the_node_is_compared_before_one_chooses(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("mine ")
        (one.root / "root/a.py").write_text("import os\n\n\ndef other():\n    return os\n")
        await one.press("ctrl+s")
        await one.answer("Compare")
        await one.until(lambda: isinstance(one.app.screen, Comparing) and one.app.screen.query("Static"))
        shown = str(one.app.screen.query_one("Static").render())
        assert "-import os\n" in shown and "+mine import os\n" in shown
        assert one.app.screen.query_one(VerticalScroll).border_title == "a.py: - on the node, + here"
        assert "-def other():\n" in shown and "+def main():\n" in shown and "     return os" in shown
        await one.press("x", "escape")
        await one.answer("Keep editing")
        assert editor.is_dirty and (one.root / "root/a.py").read_text().startswith("import")


async def test_all_answers_are_seen_on_a_screen_of_sixty_columns(desk) -> None:
    async with desk(size=(60, 20)) as one:
        await one.open("/root/a.py")
        await one.type("mine ")
        (one.root / "root/a.py").write_text("theirs\n")
        await one.press("ctrl+s")
        await one.until(lambda: one.app.screen.query("Button"))
        await one.until(lambda: one.app.screen.query("Button").last().region.width > 0)
        shown = "\n".join(strip.text for strip in one.app.screen._compositor.render_strips())
        for answer in ("Keep editing", "Compare", "Overwrite", "Load theirs"):
            assert answer in shown


async def test_what_changed_on_the_node_is_loaded_again_unless_text_is_unsaved(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.press("f12")
        (one.root / "root/a.py").write_text("by vim\n")
        await one.press("f12")
        await one.until(lambda: editor.text == "by vim\n")
        await one.type("mine ")
        await one.press("f12")
        (one.root / "root/a.py").write_text("by vim again\n")
        await one.press("f12")
        await one.pilot.pause(0.2)
        assert editor.text == "mine by vim\n" and editor.is_dirty


async def test_a_file_that_is_gone_is_asked_about(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("mine")
        (one.root / "root/a.py").unlink()
        await one.press("ctrl+s")
        await one.answer("Write it again")
        await one.until(lambda: not editor.is_dirty)
        assert (one.root / "root/a.py").read_text().startswith("mine")


@pytest.mark.fault(57)
async def test_quitting_with_unsaved_text_asks(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("mine")
        await one.press("ctrl+q")
        await one.answer("Stay")
        assert one.app.is_running and editor.is_dirty
        await one.press("ctrl+q")
        await one.answer("Save and quit")
        await one.until(lambda: one.app._exit)
        assert (one.root / "root/a.py").read_text().startswith("mine")
        assert one.app.return_value == 0


async def test_quitting_without_saving_leaves_the_file(desk) -> None:
    async with desk() as one:
        await one.open("/root/a.py")
        await one.type("mine")
        await one.press("ctrl+q")
        await one.answer("Quit without saving")
        await one.until(lambda: one.app._exit)
        assert (one.root / "root/a.py").read_text().startswith("import os")


@pytest.mark.fault(57)
async def test_a_dropped_link_loses_no_text(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        one.link.cut()
        await one.type("mine")
        await one.press("ctrl+s")
        await one.until(lambda: "kept here" in one.notes())
        assert editor.is_dirty and editor.text.startswith("mine")
        await one.press("ctrl+q")
        await one.answer("Save and quit")
        await one.pilot.pause(0.2)
        assert one.app.is_running, "it quit though nothing could be saved"
        one.link.mend()
        await one.press("ctrl+s")
        await one.until(lambda: not editor.is_dirty)
        assert (one.root / "root/a.py").read_text().startswith("mine")


async def test_a_save_whose_answer_was_lost_is_recognised(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("mine")
        (one.root / "root/a.py").write_text(editor.text)  # as the first try did
        await one.press("ctrl+s")
        await one.until(lambda: not editor.is_dirty)
        assert len(one.app.screen_stack) == 1


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    ("name", "data", "why"),
    [("bin", b"\x7fELF\0\0", "binary"), ("latin", b"caf\xe9\n", "UTF-8"), ("big", b"x" * 20_000_000, "5 MB")],
)
async def test_what_would_be_spoiled_opens_read_only_with_a_note(
    desk, name: str, data: bytes, why: str
) -> None:
    async with desk() as one:
        (one.root / "root" / name).write_bytes(data)
        editor = await one.open(f"/root/{name}")
        assert editor.read_only and why in one.notes()
        await one.type("xyz")
        await one.press("ctrl+s")
        assert (one.root / "root" / name).read_bytes() == data


async def test_windows_line_ends_and_tabs_survive(desk) -> None:
    async with desk() as one:
        (one.root / "root/w.txt").write_bytes(b"a\r\n\tb\r\n")
        editor = await one.open("/root/w.txt")
        await one.press("end", "enter", "tab", "x", "ctrl+s")
        await one.until(lambda: not editor.is_dirty)
        assert (one.root / "root/w.txt").read_bytes() == b"a\r\n\tx\r\n\tb\r\n"


async def test_finding_and_going_to_a_line(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.press("ctrl+f")
        await one.type("OS")
        await one.press("enter")
        assert editor.selected_text == ""
        for _ in range(2):
            await one.press("backspace")
        await one.type("os")
        await one.press("enter")
        assert editor.selection.start == (0, 7)
        await one.press("f3")
        assert editor.selection.start == (4, 11)
        await one.press("f3")
        assert editor.selection.start == (0, 7)
        await one.press("shift+f3")
        assert editor.selection.start == (4, 11)
        await one.press("escape", "ctrl+g")
        await one.type("4")
        await one.press("enter")
        assert editor.cursor_location == (3, 0) and one.app.focused is editor


async def test_ctrl_p_opens_by_letters(desk) -> None:
    async with desk() as one:
        await one.press("ctrl+p")
        await one.until(
            lambda: (
                isinstance(one.app.screen, Opening)
                and "files" in str(one.app.screen.query_one("Static").render())
            )
        )
        await one.type("bt")
        await one.press("enter")
        await one.until(lambda: one.app.workbench.editor is not None)
        assert one.app.workbench.editor.opened.path == "/root/src/b.txt"


async def test_letters_typed_at_once_after_ctrl_p_choose_a_file_and_never_change_one(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        before = editor.text
        one.app.post_message(events.Key("ctrl+p", None))
        for letter in "b.t":
            one.app.post_message(events.Key(letter, letter))
        one.app.post_message(events.Key("backspace", None))
        await one.until(lambda: isinstance(one.app.screen, Opening) and one.app.screen.query("Input"))
        await one.until(lambda: one.app.screen.query_one(Input).value == "b.")
        assert editor.text == before


async def test_files_are_made_renamed_and_deleted(desk) -> None:
    async with desk() as one:
        await one.press("n")
        await one.answer_line("lib/new.py")
        await one.until(lambda: one.app.workbench.editor is not None)
        assert (one.root / "root/lib/new.py").read_bytes() == b""
        editor = one.app.workbench.editor
        await one.type("x")
        await one.press("ctrl+b")
        await one.press("f5")
        await one.until(lambda: "lib" in one.names())
        one.tree.move_cursor(next(node for node in one.tree.root.children if str(node.label) == "lib"))
        await one.press("r")
        await one.answer_line("pkg")
        await one.until(lambda: editor.opened.path == "/root/pkg/new.py")
        await one.until(lambda: "pkg" in one.names())
        assert editor.is_dirty, "unsaved text was lost by a rename"
        await one.until(lambda: str(one.tree.cursor_node.label) == "pkg")
        await one.press("delete")
        await one.answer("Keep")
        assert (one.root / "root/pkg").exists()
        await one.press("delete")
        await one.answer("Delete")
        await one.until(lambda: "pkg" not in one.names())
        assert not (one.root / "root/pkg").exists()


async def test_a_name_that_is_taken_is_told(desk) -> None:
    async with desk() as one:
        await one.press("n")
        await one.answer_line("a.py")
        await one.until(lambda: "a.py: it is there already" in one.notes())
        assert (one.root / "root/a.py").read_text().startswith("import")


async def test_a_pasted_path_is_uploaded_after_a_question(desk, tmp_path) -> None:
    (tmp_path / "my data.txt").write_text("from here")
    async with desk() as one:
        from textual import events

        one.tree.post_message(events.Paste(f"'{tmp_path}/my data.txt'"))
        await one.answer("Upload")
        await one.until(lambda: "my data.txt" in one.names())
        assert (one.root / "root/my data.txt").read_text() == "from here"
        one.tree.post_message(events.Paste("no path at all"))
        await one.until(lambda: "not a path of this machine" in one.notes())


async def test_a_large_folder_is_shown_a_page_at_a_time(desk) -> None:
    async with desk() as one:
        many = one.root / "root/many"
        many.mkdir()
        for number in range(1300):
            (many / f"{number:05}").touch()
        await one.app.file_tree.show("/root/many")
        assert len(one.tree.root.children) == 501
        assert str(one.tree.root.children[-1].label) == "… 800 more: Enter shows 500"
        one.tree.move_cursor(one.tree.root.children[-1])
        await one.press("enter")
        await one.until(lambda: len(one.tree.root.children) == 1001)
        assert str(one.tree.root.children[-1].label) == "… 300 more: Enter shows 300"


async def test_names_with_markup_and_controls_are_only_shown(desk) -> None:
    async with desk() as one:
        (one.root / "root/[red]x[").touch()
        (one.root / "root/e\x1b[2J").touch()
        await one.press("f5")
        await one.until(lambda: len(one.names()) == 4)
        assert "[red]x[" in one.names() and "e?[2J" in one.names()
        await one.open("/root/[red]x[")


async def test_the_terminal_shows_types_and_resizes(desk) -> None:
    async with desk() as one:
        await one.shell.say("\x1b[31mroot@dev\x1b[0m:~# ")
        await one.until(lambda: one.screen() == "root@dev:~#")
        await one.press("f12")
        assert one.app.focused is one.pane
        await one.type("ls")
        await one.press("enter", "ctrl+c", "ctrl+p", "ctrl+s", "ctrl+w", "up", "tab", "escape")
        await one.until(lambda: one.shell.typed == b"ls\r\x03\x10\x13\x17\x1b[A\t\x1b")
        await one.pilot.resize_terminal(120, 40)
        await one.until(
            lambda: (
                {"resize": {"rows": one.pane.size.height, "cols": one.pane.size.width}} in one.shell.controls
            )
        )
        await one.press("f12")
        assert one.app.focused is one.tree


async def test_keys_typed_right_behind_f12_go_to_the_new_place(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        from textual import events

        for key, character in (("f12", None), ("l", "l"), ("s", "s"), ("f12", None), ("x", "x")):
            one.app.post_message(events.Key(key, character))
        await one.until(lambda: one.shell.typed == b"ls" and editor.text.startswith("ximport"))


async def test_a_broken_link_brings_the_same_shell_back(desk) -> None:
    async with desk() as one:
        await one.shell.say("before ")
        await one.until(lambda: "before" in one.screen())
        one.shell.cut()
        await one.until(lambda: len(one.shell.asked) == 2)
        assert one.shell.asked[1]["create"] == "0" and one.shell.asked[1]["offset"] == "7"
        await one.shell.say("after")
        await one.until(lambda: one.screen() == "before after")


async def test_a_shell_that_ends_is_followed_by_another(desk) -> None:
    async with desk() as one:
        await one.shell.streams[-1].send_control({"exit": {"code": 3}})
        await one.until(lambda: "The shell ended with 3. Enter opens another." in one.screen())
        await one.press("f12", "enter")
        await one.until(lambda: len(one.shell.asked) == 2)


class BrokenScreen(Screen):
    """Falls over one word."""

    def feed(self, data: bytes) -> None:
        if b"boom" in data:
            raise IndexError("no such line")
        super().feed(data)


async def test_a_fault_in_the_terminal_ends_that_shell_alone(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("x")
        one.pane.emulated = BrokenScreen(80, 24)
        await one.shell.say("boom")
        await one.until(lambda: "The terminal has a fault: IndexError: no such line." in one.screen())
        await one.press("f12", "enter")
        await one.until(lambda: len(one.shell.asked) == 2)
        assert editor.is_dirty


class BrokenFiles:
    """Nothing of it works."""

    def __getattr__(self, name: str) -> None:
        raise RuntimeError("not thought of")


async def test_a_fault_of_the_ide_takes_no_unsaved_text_along(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("x")
        files, one.app.workbench._files = one.app.workbench._files, BrokenFiles()
        await one.press("ctrl+s")
        await one.until(lambda: "the IDE has a fault: RuntimeError: not thought of" in one.notes())
        assert editor.is_dirty and one.app.is_running
        one.app.workbench._files = files
        await one.press("ctrl+s")
        await one.until(lambda: not editor.is_dirty)


async def test_quitting_hangs_the_shell_up(desk) -> None:
    async with desk() as one:
        await one.press("ctrl+q")
        await one.until(lambda: {"hangup": True} in one.shell.controls)
        assert one.app.return_value == 0


async def test_a_flood_of_output_is_drawn_at_most_thirty_times_a_second(desk) -> None:
    async with desk() as one:
        await one.until(lambda: not one.pane._is_due)
        waits: list[float] = []
        drawn = 0
        timer, draw = one.pane.set_timer, one.pane._draw

        def waiting(delay: float, callback: Callable[[], None]) -> Timer:
            waits.append(delay)
            return timer(delay, callback)

        def drawing() -> None:
            nonlocal drawn
            drawn += 1
            draw()

        one.pane.set_timer, one.pane._draw = waiting, drawing
        for times in (1, 2):
            for _ in range(200):
                one.pane.feed(b"y\r\n" * 20)
            assert (waits, drawn) == ([1 / 30] * times, times - 1), "all of it waits for one redraw"
            await one.until(lambda times=times: drawn == times)
        assert one.screen().startswith("y\ny")


async def test_f1_lists_the_keys(desk) -> None:
    async with desk(size=(140, 42)) as one:
        await one.press("f1")
        box = one.app.screen.query_one(VerticalScroll)
        await one.until(lambda: box.virtual_size.height > 20)
        assert box.max_scroll_y == 0, "all of them are seen on a screen of 42 rows"
        assert isinstance(one.app.screen, Keys)
        await one.press("escape")
        assert not isinstance(one.app.screen, Keys)


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (40, 12)])
async def test_every_size_is_shown(desk, size: tuple[int, int]) -> None:
    async with desk(size=size) as one:
        await one.open("/root/a.py")
        await one.press("f11", "f11", "f12", "f11", "f12")
        assert one.app.is_running


async def test_keys_pressed_while_a_file_is_opened_go_nowhere(desk) -> None:
    async with desk() as one:
        gate = asyncio.Event()
        read = one.app.files.read

        async def slow(path: str, *, limit: int) -> Content:
            await gate.wait()
            return await read(path, limit=limit)

        one.app.files.read = slow
        one.tree.move_cursor(one.tree.root.children[1])
        for key in ("enter", "delete", "n", "x", "enter"):
            one.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await one.until(lambda: isinstance(one.app.screen, Waiting) and one.app.screen.has_class("shown"))
        await one.press("delete", "n", "x", "enter", "f12", "f1", "l", "s", "ctrl+p", "ctrl+b", "f11")
        gate.set()
        await one.until(lambda: len(one.app.screen_stack) == 1 and one.app.workbench.editor is not None)
        editor = one.app.workbench.editor
        assert editor.text.startswith("import os\n") and not editor.is_dirty
        assert one.app.focused is editor and one.shell.typed == b""
        await one.type("y")
        assert editor.text.startswith("yimport")
        await one.press("ctrl+b", "enter")
        assert one.app.focused is editor


async def test_a_file_that_takes_long_to_open_can_be_left(desk) -> None:
    async with desk() as one:
        never = asyncio.Event()

        async def slow(path: str, *, limit: int) -> Content:
            await never.wait()
            raise AssertionError

        one.app.files.read = slow
        one.tree.move_cursor(one.tree.root.children[1])
        await one.press("enter")
        await one.until(lambda: isinstance(one.app.screen, Waiting))
        await one.press("escape")
        await one.until(lambda: len(one.app.screen_stack) == 1)
        assert one.app.workbench.editor is None and one.app.focused is one.tree
        await one.press("n")
        await one.until(lambda: isinstance(one.app.screen, Line))


@pytest.mark.parametrize("keys", [["n"], ["delete"], ["u"], ["ctrl+p"], ["f1"], ["n", "f1"]], ids="-".join)
async def test_ctrl_q_leaves_from_any_dialog(desk, keys: list[str]) -> None:
    async with desk() as one:
        one.tree.move_cursor(one.tree.root.children[1])
        await one.press(*keys)
        await one.until(lambda: len(one.app.screen_stack) == 1 + len(keys))
        await one.press("ctrl+q")
        await one.until(lambda: one.app._exit)
        assert one.app.return_value == 0 and (one.root / "root/a.py").exists()


async def test_ctrl_q_in_a_question_about_unsaved_text_loses_none(desk) -> None:
    async with desk() as one:
        editor = await one.open("/root/a.py")
        await one.type("mine")
        await one.press("ctrl+w")
        await one.until(lambda: len(one.app.screen_stack) == 2)
        for _ in range(3):
            await one.press("ctrl+q")
            await one.until(lambda: len(one.app.screen_stack) == 2)
        await one.answer("Stay")
        assert editor.is_dirty and one.app.is_running and editor.is_attached


async def test_f6_in_the_editor_leads_to_the_next_tab(desk) -> None:
    async with desk() as one:
        await one.open("/root/a.py")
        second = await one.open("/root/src/b.txt")
        await one.press("f6")
        await one.until(lambda: one.app.workbench.editor is not second)
        assert second.selected_text == "" and one.app.workbench.editor.opened.path == "/root/a.py"
