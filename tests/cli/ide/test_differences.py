"""How two texts differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.cli.tui.ide.differences import COMPARED, differences

TEXTS = st.lists(st.sampled_from("abc"), max_size=30).map(lambda lines: "".join(f"{one}\n" for one in lines))


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_out_of_what_is_shown(first: str, second: str):
    shown = differences(first, second)
    assert (shown == []) == (first == second)
    taken = [text for kind, text in shown if kind == "-"]
    put = [text for kind, text in shown if kind == "+"]
    assert len(first.splitlines()) - len(taken) == len(second.splitlines()) - len(put)
    assert sorted(first.splitlines() + put) == sorted(second.splitlines() + taken)


def test_a_change_is_shown_with_three_lines_around_it_and_its_place_in_the_whole():
    lines = [str(number) for number in range(1, 200_001)]
    changed = [*lines[:99_999], "new", *lines[100_000:]]
    assert differences("\n".join(lines), "\n".join(changed)) == [
        ("@", "line 99997"),
        (" ", "99997"), (" ", "99998"), (" ", "99999"),
        ("-", "100000"), ("+", "new"),
        (" ", "100001"), (" ", "100002"), (" ", "100003"),
    ]  # fmt: skip


@pytest.mark.parametrize("lines", [COMPARED, COMPARED + 1, 50_000])
def test_no_more_is_compared_than_can_be(lines: int):
    shown = differences("a\n" * lines, "b\n" * lines)
    assert len([one for one in shown if one[0] != "@"]) == 2 * min(lines, COMPARED)
    assert (shown[-1] == ("@", f"… {lines - COMPARED} more lines are not compared")) is (lines > COMPARED)
