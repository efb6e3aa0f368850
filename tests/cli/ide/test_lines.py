"""Texts of very many lines: the editor's documents answer what Textual's own do, without their work."""

import random
from typing import Any

import pytest
from textual.document._document import Document
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset

from kohakuriver.cli.tui.ide.lines import Lines, Unwrapped

pytestmark = pytest.mark.looptime

MANY = 200_000
WORDS = ("", "a", "\t", "雛", "word ", "\t\tx", "é", "\n", "\n\n", "long" * 9)


class Counted(list[str]):
    """Lines that count how many of them were looked at, and how often all of them were joined."""

    looked_at = joined = 0

    def __iter__(self) -> Any:
        self.joined += 1
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        self.looked_at += len(found) if isinstance(index, slice) else 1
        return found


def a_text(chance: random.Random) -> str:
    return "".join(chance.choice(WORDS) for _ in range(chance.randrange(40)))


@pytest.mark.parametrize("seed", range(100))
def test_they_answer_what_textuals_own_do_whatever_is_edited(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    text = a_text(chance)
    ours, theirs = Lines(text), Document(text)
    lines, wrapped = Unwrapped(ours), WrappedDocument(theirs)
    for _ in range(10):
        places = []
        for _ in range(2):
            row = chance.randrange(theirs.line_count)
            places.append((row, chance.randrange(len(theirs[row]) + 1)))
        start, end = sorted(places)
        put = a_text(chance)
        found = ours.replace_range(start, end, put)
        assert found == theirs.replace_range(start, end, put)
        lines.wrap_range(start, end, found.end_location)
        wrapped.wrap_range(start, end, found.end_location)
        assert ours.text == theirs.text and lines.height == wrapped.height
        assert list(lines._offset_to_line_info) == wrapped._offset_to_line_info
        width, height = theirs.get_size(4)
        assert ours.get_size(4).height == height and ours.get_size(4).width >= width
        for row in range(theirs.line_count):
            assert lines.get_sections(row) == wrapped.get_sections(row)
            assert lines.get_offsets(row) == [] and lines.get_tab_widths(row) == wrapped.get_tab_widths(row)
            for column in range(len(theirs[row]) + 1):
                assert lines.location_to_offset((row, column)) == wrapped.location_to_offset((row, column))
        for place in (Offset(0, 0), Offset(3, 1), Offset(9, 99), Offset(-1, -1)):
            assert lines.offset_to_location(place) == wrapped.offset_to_location(place)
    assert Lines(ours.text).get_size(4) == Document(theirs.text).get_size(4)


async def test_a_key_in_a_text_of_very_many_lines_looks_at_few_of_them(desk) -> None:
    async with desk() as one:
        (one.root / "root/long").write_text("".join(f"{number}\n" for number in range(MANY)))
        editor = await one.open("/root/long")
        assert not editor.read_only and editor.document.line_count == MANY + 1
        counted = editor.document._lines = Counted(editor.document._lines)
        for key in ("x", "enter", "down", "pagedown"):
            counted.looked_at = counted.joined = 0
            await one.press(key)
            assert counted.joined <= 1, f"{key} made the whole text {counted.joined} times"
            assert 0 < counted.looked_at < 2000, f"{key} looked at {counted.looked_at} of {MANY} lines"
        counted.looked_at = 0
        editor._rewrap_and_refresh_virtual_size()  # as a change of the window's size does
        assert counted.looked_at < 10, "a window of another size looks at every line"
        await one.press("ctrl+s")
        await one.until(lambda: not editor.is_dirty)
        assert (one.root / "root/long").read_text().startswith("x\n0\n1\n")


async def test_a_source_of_very_many_lines_is_shown_plain(desk) -> None:
    async with desk() as one:
        (one.root / "root/many.py").write_text("x\n" * 20_001)
        (one.root / "root/few.py").write_text("x\n" * 20_000)
        assert (await one.open("/root/many.py")).language is None
        assert (await one.open("/root/few.py")).language == "python"
