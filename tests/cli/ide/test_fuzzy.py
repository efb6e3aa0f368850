"""A few letters find a file."""

from kohakuriver.cli.tui.ide.fuzzy import best
from tests import cost

PATHS = [
    "README.md",
    "src/app.py",
    "src/apply/main.py",
    "docs/map.py.md",
    "tests/test_app.py",
    "src/a/p/p.txt",
]


def test_the_name_counts_more_than_its_folders() -> None:
    assert best("app.py", PATHS, most=3)[:2] == ["src/app.py", "tests/test_app.py"]
    assert best("main", PATHS, most=9)[0] == "src/apply/main.py"


def test_letters_may_be_apart_but_in_order() -> None:
    assert best("srcmain", PATHS, most=9) == ["src/apply/main.py"]
    assert best("zzz", PATHS, most=9) == []
    assert "README.md" in best("rdme", PATHS, most=9)


def test_nothing_typed_shows_the_first() -> None:
    assert best("", PATHS, most=2) == best("", PATHS, most=9)[:2]
    assert len(best("", PATHS, most=9)) == 6


def test_twenty_thousand_names_are_ranked_with_a_few_looks_at_each() -> None:
    paths = [f"folder{number % 100}/sub{number % 7}/file_number_{number}.py" for number in range(20_000)]
    with cost.calls() as made:
        assert best("fn19999", paths, most=50)[0].endswith("19999.py")
    assert made.count < 50 * len(paths)
