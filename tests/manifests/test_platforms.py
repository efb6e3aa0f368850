"""Which platform's turn it is, and the page that says what was tried where."""

import datetime
import importlib.machinery
import importlib.util
import subprocess
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

STEPS = Path(__file__).parents[2] / "manifests/development"
STEPS_OF_A_RUN = [
    "system\tDebian GNU/Linux 13 (trixie)", "python\t3.13.5", "docker\t26.1.5", "kernel\t6.18.44",
    "commit\tabc1234",
    "step\tmake up\tpassed\t107", "step\texec\tpassed\t1",
]  # fmt: skip
DAY = datetime.date(2026, 1, 31)


@pytest.fixture
def platforms() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("platforms", str(STEPS / "platforms"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def turn(commit: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STEPS / "turn", commit], capture_output=True, text=True, check=False)


def test_each_platform_has_its_turn_and_none_more_often_than_another() -> None:
    turns = Counter(turn(f"{number:08x}{'0' * 32}").stdout.strip() for number in range(14))
    assert turns == {
        "system debian12": 2, "system debian13": 2, "system forky": 2,
        "engine 20.10": 2, "engine 26": 2, "engine 28": 2, "engine 29": 2,
    }  # fmt: skip


def test_what_is_not_a_commit_has_no_turn() -> None:
    done = turn("main")
    assert done.returncode == 1
    assert done.stderr.startswith('turn: "main" is not the hash of a commit')


@pytest.mark.parametrize("system", ["debian11", ""])
def test_a_system_that_cannot_be_tried_is_refused_with_those_that_can(system: str) -> None:
    done = subprocess.run([STEPS / "test-on", system], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "debian12, debian13, forky, ubuntu24.04" in done.stderr


def test_a_result_has_the_facts_and_the_steps_of_its_run(platforms: ModuleType) -> None:
    assert platforms.record("debian13", STEPS_OF_A_RUN, DAY) == {
        "what": "debian13", "system": "Debian GNU/Linux 13 (trixie)", "python": "3.13.5", "docker": "26.1.5",
        "kernel": "6.18.44", "commit": "abc1234", "date": "2026-01-31",
        "steps": [
            {"name": "make up", "outcome": "passed", "seconds": 107},
            {"name": "exec", "outcome": "passed", "seconds": 1},
        ],
    }  # fmt: skip


def test_the_page_names_the_steps_that_failed(platforms: ModuleType) -> None:
    result = platforms.record("debian13", [*STEPS_OF_A_RUN, "step\tlogs\tfailed\t2"], DAY)
    assert "| **failed: logs** | 1.8 | `make up`, `exec`, `logs` | 2026-01-31 | abc1234 |" in platforms.page(
        "", [result]
    )


def test_a_row_stays_until_there_is_a_newer_result(platforms: ModuleType) -> None:
    old = platforms.record("debian13", STEPS_OF_A_RUN, DAY)
    other = platforms.record("forky", STEPS_OF_A_RUN, DAY)
    before = platforms.page("", [old, other])
    newer = platforms.record("debian13", STEPS_OF_A_RUN, DAY + datetime.timedelta(days=1))
    after = platforms.page(before, [newer])
    assert platforms.row(other) in after and platforms.row(newer) in after
    assert platforms.row(old) not in after
    assert platforms.page(after, []) == after
