"""Pauses after failures."""

import pytest

from kohakuriver.backoff import Backoff

BACKOFF = Backoff(first=0.2, longest=5.0)


def test_pauses_double_up_to_the_longest() -> None:
    assert [BACKOFF.pause(failures) for failures in range(8)] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]


@pytest.mark.parametrize("failures", [10_000, 10**9])
def test_failures_without_end_are_paused_for_the_longest(failures: int) -> None:
    assert BACKOFF.pause(failures) == 5.0
