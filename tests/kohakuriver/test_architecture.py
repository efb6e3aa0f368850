"""What docs/architecture.md says of who imports whom is what the build holds."""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def held() -> dict[str, list[list[str]]]:
    """The lines of each program by the contracts that `make check` holds, top to bottom."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    found = {}
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers" and contract["containers"][0].startswith("kohakuriver."):
            program = contract["containers"][0].partition(".")[2]
            assert contract["exhaustive"], program
            found[program] = [re.split(r" [|:] ", line) for line in contract["layers"]]
    return found


def told() -> dict[str, list[list[str]]]:
    """The same by the page."""
    block = (PROJECT / "docs/architecture.md").read_text().split("```text\n")[1].split("```")[0]
    found: dict[str, list[list[str]]] = {}
    program = ""
    for line in filter(None, block.splitlines()):
        if line[0] != " ":
            program, line = line.split(" ", 1)
        found.setdefault(program, []).append(line.split())
    return found


def test_the_page_lists_the_folders_in_the_order_that_is_held() -> None:
    assert set(held()) == {"agent", "apiserver", "cli", "controller"}
    assert told() == held()
