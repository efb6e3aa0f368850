"""What the pages of the documentation say of each other and of the code."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PROGRAMS = ("kohakuriver", "apiserver", "controller", "agent", "cli")
PAGES = sorted(
    page.relative_to(PROJECT)
    for folder in (".", "docs", "docs/guide", "docs/design", "docs/reference", "manifests")
    for page in (PROJECT / folder).glob("*.md")
)
ELSEWHERE = ("`Permission denied", "`Host key verification")
"""What ssh says, and not we."""


def links_of(page: Path) -> list[tuple[str, str]]:
    """The file and the heading that each link of a page leads to."""
    text = re.sub(r"```.*?```", "", (PROJECT / page).read_text(), flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    return [(file, heading) for file, _, heading in (target.partition("#") for target in targets)]


def anchors_of(page: Path) -> set[str]:
    """The headings of a page, as they stand in links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for file, heading in links_of(page):
        target = (PROJECT / page.parent / file).resolve() if file else PROJECT / page
        assert target.exists(), f"{page} links to {file}"
        assert not heading or heading in anchors_of(target), f"{page} links to {file}#{heading}"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, ahead = set(), [Path("README.md")]
    while ahead:
        page = ahead.pop()
        if page in reached:
            continue
        reached.add(page)
        found = [(PROJECT / page.parent / file).resolve() for file, _ in links_of(page) if file]
        ahead += [one.relative_to(PROJECT) for one in found if one.suffix == ".md"]
    assert set(PAGES) - reached == set()


def test_the_symptoms_are_in_the_words_of_the_programs() -> None:
    """What stands between … in a first column is what the code says."""
    sources = [file.read_text() for program in PROGRAMS for file in (PROJECT / program).rglob("*.py")]
    code = "\n".join(re.sub(r'"\n\s*f?"', "", source) for source in sources)  # a text on several lines
    rows = re.findall(r"^\| (.*?) \| ", (PROJECT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    quoted = [
        words for row in rows if not row.startswith(ELSEWHERE) for words in re.findall(r"`([^`]+)`", row)
    ]
    assert len(quoted) > 30
    pieces = [piece.strip() for words in quoted for piece in words.split("…")]
    assert [piece for piece in pieces if re.sub(r"\$\{.*?\}", "", piece) not in code] == []


@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/quick-start.md", *(str(one) for one in PAGES if one.parts[:2] == ("docs", "guide"))],
)
def test_a_page_takes_away_what_it_makes(page: str) -> None:
    """So that no two pages are in each other's way, in whatever order they are read."""
    text = (PROJECT / page).read_text()
    typed = [
        line for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    typed += re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    made = [
        name
        for line in typed
        if "--dry-run" not in line
        for name in re.findall(r"(?:vps create --name|env create) (\S+)", line)
    ]
    deleted = [
        name
        for line in typed
        for names in re.findall(r"(?:vps|env) delete (.*)", line)
        for name in names.split()
    ]
    assert set(made) <= set(deleted)
    assert len(made) == len(set(made))


def test_kubectl_is_told_of_the_cluster_before_it_is_typed() -> None:
    text = (PROJECT / "docs/guide/5-declaring.md").read_text()
    assert 0 < text.index("export KUBECONFIG=") < text.index("kubectl patch") < text.index("kubectl get")


def test_the_extras_that_pip_is_told_of_are_in_the_wheel() -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"\.whl\)\[(\w+)\]", (PROJECT / "docs/install.md").read_text())
    assert named == ["gpu", "embedded"] and set(named) <= set(declared)
