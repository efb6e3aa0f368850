"""How often each core of a node is given."""

import pytest

from kohakuriver import overcommit


@pytest.mark.parametrize(
    ("text", "ratio"), [("4", 4000), ("1.5", 1500), (1, 1000), ("64", 64000), ("1.001", 1001)]
)
def test_a_ratio_is_read_in_thousandths(text, ratio):
    assert overcommit.parse(text) == ratio


@pytest.mark.parametrize(
    "text", ["0.9", "64.001", "0", "-4", "four", "", "4x", "1500m", "1.0005", "nan", "4Ki"]
)
def test_what_is_no_ratio_is_told_with_what_is_allowed(text):
    with pytest.raises(ValueError, match=r"invalid ratio .*: use a number from 1 to 64, such as 4 or 1\.5$"):
        overcommit.parse(text)


@pytest.mark.parametrize(("ratio", "text"), [(4000, "4"), (1500, "1.5"), (1001, "1.001"), (64000, "64")])
def test_a_ratio_is_written_as_people_write_it(ratio, text):
    assert overcommit.written(ratio) == text
    assert overcommit.parse(text) == ratio


def test_a_node_whose_agent_says_nothing_gives_each_core_once():
    assert overcommit.of(None) == overcommit.of({"status": {"cpuOvercommit": None}}) == 1000
    assert overcommit.of({"status": {"cpuOvercommit": "1.5"}}) == 1500


def test_a_share_takes_a_part_of_a_core_and_one_that_is_held_alone_the_whole():
    assert overcommit.room(2000, alone=0, shared=0, ratio=4000) == 8_000_000
    assert overcommit.room(2000, alone=1000, shared=3000, ratio=4000) == 1_000_000
    assert overcommit.room(2000, alone=2000, shared=1, ratio=1500) == -1000
