"""A part of the tests imports no file that has none of it, and misses none that has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
MARKS = "import pytest\ndef pytest_configure(config):\n    config.addinivalue_line('markers', 'etcd')\n"
QUICK = "def test_quick(): pass\n"
REAL = "import pytest\n@pytest.mark.etcd\ndef test_real(): pass\n"
BREAKS = "raise RuntimeError('imported')\n"
FOR_ALL = """import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item):
    item.add_marker("etcd")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(MARKS.replace("'etcd'", "'et' + 'cd'"))
    return tmp_path


def passed(folder: Path, *options: str) -> tuple[int, str]:
    """The exit code of pytest there, and what it said."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.parts", "--rootdir", str(folder), "-q", *options]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_real_part_imports_no_file_that_says_nothing_of_what_it_needs(folder: Path) -> None:
    (folder / "test_both.py").write_text(QUICK + REAL)
    (folder / "test_quick.py").write_text(BREAKS)
    (folder / "all").mkdir()
    (folder / "all" / "conftest.py").write_text(FOR_ALL)
    (folder / "all" / "test_it.py").write_text(QUICK)
    code, said = passed(folder, "--part", "real")
    assert (code, "2 passed, 1 deselected" in said) == (0, True), said


def test_the_quick_part_imports_no_folder_whose_tests_are_all_of_the_real_part(folder: Path) -> None:
    (folder / "test_both.py").write_text(QUICK + REAL)
    (folder / "all").mkdir()
    (folder / "all" / "conftest.py").write_text(FOR_ALL)
    (folder / "all" / "test_it.py").write_text(BREAKS)
    code, said = passed(folder, "--part", "quick")
    assert (code, "1 passed, 1 deselected" in said) == (0, True), said


def test_marks_that_are_asked_for_come_before_the_part(folder: Path) -> None:
    (folder / "test_both.py").write_text(QUICK + REAL)
    code, said = passed(folder, "--part", "quick", "-m", "etcd", "-rp")
    assert (code, "PASSED test_both.py::test_real" in said) == (0, True), said


def test_a_mark_that_a_file_does_not_say_is_refused_where_the_file_is_collected(folder: Path) -> None:
    hidden = "import pytest\n@getattr(pytest.mark, 'et' + 'cd')\ndef test_real(): pass\n"
    (folder / "test_hidden.py").write_text(hidden)
    code, said = passed(folder, "--part", "quick")
    assert code != 0 and 'is marked "etcd" and test_hidden.py does not say so' in said
