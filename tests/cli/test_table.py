"""Tables are laid out as kubectl's."""

from kohakuriver.cli.view import table
from kohakuriver.resources import kinds

TABLE = {
    "columnDefinitions": [
        {"name": "Name", "format": "name"},
        {"name": "Status"},
        {"name": "Restarts", "priority": 1},
        {"name": "Ready"},
    ],
    "rows": [
        {"cells": ["dev", "running", 0, True], "object": {"metadata": {"namespace": "default"}}},
        {"cells": ["a-long-name", None, 12, False], "object": {"metadata": {"namespace": "team"}}},
    ],
}


def text(**layout: bool) -> list[str]:
    shown = table.Layout(kinds.VPS, **layout)
    return table.Printer().lines([table.header(TABLE, shown), *table.rows(TABLE, shown)])


def test_columns_are_as_wide_as_their_widest_cell():
    assert text() == [
        "NAME          STATUS    READY",
        "dev           running   true",
        "a-long-name             false",
    ]


def test_wide_shows_every_column():
    assert text(wide=True)[0] == "NAME          STATUS    RESTARTS   READY"


def test_namespaces_stand_in_front():
    assert text(with_namespace=True)[1] == "default     dev           running   true"


def test_among_several_kinds_names_carry_theirs():
    assert text(with_kind=True)[1] == "vps/dev           running   true"


def test_rows_of_a_watch_take_the_header_that_came_first():
    later = {"columnDefinitions": [], "rows": [{"cells": ["dev", "stopped", 0, True]}]}
    assert table.rows(later, table.Layout(kinds.VPS), columns=TABLE) == [["dev", "stopped", "true"]]


def test_widths_only_grow():
    printer = table.Printer()
    printer.lines([["name", "status"], ["dev", "assigning"]])
    assert printer.lines([["dev", "running", "x"]]) == ["dev    running     x"]


def test_a_cell_stays_on_its_line():
    broken = {**TABLE, "rows": [{"cells": ["dev", "one\ntwo", 0, True]}]}
    assert table.rows(broken, table.Layout(kinds.VPS)) == [["dev", "one two", "true"]]


def test_a_last_column_that_goes_beyond_the_terminal_is_wrapped_within_itself():
    lines = table.Printer(40).lines([["A", "MESSAGE"], ["x", "one two three four five six seven eight nine"]])
    assert lines == ["A   MESSAGE", "x   one two three four five six seven", "    eight nine"]


def test_a_terminal_that_is_too_narrow_for_that_breaks_lines_itself():
    row = ["a" * 30, "one two three four five six"]
    assert table.Printer(40).lines([row]) == ["   ".join(row)]


def test_a_painted_cell_is_laid_out_as_if_it_were_not():
    def paint(index: int, cell: str) -> str:
        return f"<{cell}>" if index == 1 else cell

    lines = table.Printer(paint=paint).lines([["a", "running", "x"], ["b", "lost", "y"]])
    assert lines == ["a   <running>   x", "b   <lost   >   y"]
