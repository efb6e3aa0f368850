"""The commands that the web page prints, typed: each makes the manifest that the page itself would send."""

import asyncio
import json
import shlex
from pathlib import Path

import pytest

from kohakuriver.cli.main import run

PAGE = Path(__file__).parents[3] / "web" / "src" / "create"
CASES = json.loads((PAGE / "commands.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["what"] for case in CASES])
async def test_the_command_stands_for_the_form(shell, home, case):
    program, *words = shlex.split(case["command"])
    assert program == "kohakuriver"
    rehearsed = [*words, "--dry-run=client", "-o", "json", "--config", str(shell.config())]
    code = await asyncio.to_thread(run, rehearsed)
    shown = shell.capture.readouterr()
    assert code == 0, shown.err
    body = json.loads(shown.out)
    assert {part: body[part] for part in ("metadata", "spec")} == {
        part: case[part] for part in ("metadata", "spec")
    }
