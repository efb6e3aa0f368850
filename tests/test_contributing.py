"""The checklists for contributors name files that are there, and each has the example in it."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PAGES = PROJECT / "docs/contributing"
EXAMPLES = {
    "field": "privileged",
    "command": "uncordon",
    "kind": "policy",
    "action": "setaside",
    "agent-option": "credentials_for",
}
_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+)`")


def files_of(page: str) -> list[str]:
    """All that it names as a file."""
    return _FILE.findall((PAGES / f"{page}.md").read_text())


def steps_of(page: str) -> list[str]:
    """The files of its table, and the tests that it points at."""
    lines = (PAGES / f"{page}.md").read_text().splitlines()
    told = [line for line in lines if re.match(r"\| \d+ \||Tests: ", line)]
    return [name for line in told for name in _FILE.findall(line)]


def test_every_checklist_is_tried_here() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"words"} == set(EXAMPLES)


@pytest.mark.parametrize("page", sorted(EXAMPLES))
def test_every_file_that_a_checklist_names_is_there(page: str) -> None:
    assert [name for name in files_of(page) if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("page", sorted(EXAMPLES))
def test_the_example_can_be_followed_through_every_step(page: str) -> None:
    steps = steps_of(page)
    assert len(steps) >= 4
    word = EXAMPLES[page]
    # `node uncordon` and `Policy` are found in whatever way a file writes them.
    without = [name for name in steps if word not in (PROJECT / name).read_text().lower()]
    assert without == []


def test_a_page_for_contributors_is_found_from_the_first_one() -> None:
    first = (PROJECT / "CONTRIBUTING.md").read_text()
    assert [path.name for path in PAGES.glob("*.md") if f"docs/contributing/{path.name}" not in first] == []
