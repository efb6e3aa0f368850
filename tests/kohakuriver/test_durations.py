import pytest

from kohakuriver import durations
from tests import cost


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("2m", 120),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("15", 15),
        (15, 15),
        ("7d", 604_800),
        ("1d12h", 129_600),
    ],
)
def test_durations_are_read_as_kubectl_writes_them(text, seconds):
    assert durations.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "10 s", "5w", "d", "s", "-3s"])
def test_what_is_no_duration_is_refused_in_words(text):
    with pytest.raises(ValueError, match="invalid duration"):
        durations.parse(text)


def test_a_long_text_that_is_no_duration_costs_no_more_than_a_short_one():
    def refused(length: int) -> None:
        with pytest.raises(ValueError, match="invalid duration"):
            durations.parse("1" * length + "x")

    assert cost.ratio(lambda: refused(3_000), lambda: refused(30)) < 20


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3600, "60m"),
        (18_720, "5h12m"),
        (100_000, "27h"),
    ],
)
def test_ages_are_shown_as_kubectl_shows_them(seconds, shown):
    assert durations.age(seconds) == shown


def test_an_age_in_the_future_is_shown_as_zero():
    assert durations.age(-5) == "0s"
