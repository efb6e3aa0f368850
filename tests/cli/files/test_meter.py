"""One line that says how far a copy is."""

from kohakuriver.cli.files.meter import line, size


def test_a_known_size_gives_a_bar_and_the_time_that_is_left() -> None:
    assert line("dev:/x", 50_000_000, 200_000_000, 2.0) == (
        "dev:/x [######                  ]  25%  50.0 MB of 200 MB  25.0 MB/s  0:06 left"
    )


def test_an_unknown_size_gives_what_was_copied() -> None:
    assert line("src", 5_500, None, 2.0) == "src  5.5 kB  2.8 kB/s"


def test_nothing_was_copied_in_no_time() -> None:
    assert line("x", 0, 10, 0.0) == "x [                        ]   0%  0 B of 10 B  0 B/s"


def test_sizes_have_three_digits() -> None:
    assert [size(count) for count in (0, 999, 1000, 99_949, 123_456, 5e12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "99.9 kB",
        "123 kB",
        "5.0 TB",
    ]
