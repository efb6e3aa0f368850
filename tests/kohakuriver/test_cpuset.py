"""Sets of cores, read and written as the kernel does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver import cpuset


@pytest.mark.parametrize(
    ("text", "cores"), [("0-3,8", {0, 1, 2, 3, 8}), ("", set()), (" 5 ", {5}), ("7,1-2", {1, 2, 7})]
)
def test_a_set_is_read(text: str, cores: set[int]) -> None:
    assert cpuset.parse(text) == cores


@pytest.mark.parametrize("text", ["a", "1-", "1,,2", "-1"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid set of cores"):
        cpuset.parse(text)


@given(st.frozensets(st.integers(0, 200)))
def test_what_is_written_reads_the_same(cores: frozenset[int]) -> None:
    assert cpuset.parse(cpuset.written(cores)) == cores


def test_neighbours_are_written_as_a_range() -> None:
    assert cpuset.written({0, 1, 2, 3, 8}) == "0-3,8"
    assert cpuset.written(set()) == ""
