"""What a run says of tests that fail first and pass then, and of those that fail each time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FLAKY = """
import pathlib, pytest

@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("number", range({flaky}))
def test_at_the_second_try(number, tmp_path_factory):
    seen = pathlib.Path(__file__).with_name(f"seen{{number}}")
    first = not seen.exists()
    seen.touch()
    assert not first, "the first try"

@pytest.mark.flaky(reruns=2)
def test_never():
    assert not {broken}, "each try"
"""


def run(folder: Path, *options: str, flaky: int, broken: bool = False) -> tuple[int, str, str]:
    """pytest on so many tests: its exit code, what it printed, and the tally."""
    (folder / "test_it.py").write_text(FLAKY.format(flaky=flaky, broken=broken))
    plugins = ["-p", "tests.verdict", "-p", "pytest_rerunfailures", "-p", "xdist"]
    command = [sys.executable, "-m", "pytest", *plugins, "--logs", "logs", *options]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, (folder / "logs" / "tally").read_text()


@pytest.mark.parametrize("options", [(), ("-n", "2", "--dist", "loadfile")], ids=["alone", "side by side"])
def test_what_passes_at_its_second_try_is_listed_with_its_first_failure_and_forgiven(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    code, shown, tally = run(tmp_path, *options, flaky=1)
    listed = shown[shown.index("FLAKY: 1") :]
    assert code == 0
    assert "AssertionError: the first try" in listed
    assert "FLAKY test_it.py::test_at_the_second_try[0]\n" in listed
    assert tally.split()[:4] == ["2", "0", "1", "0"]
    [log] = (tmp_path / "logs").glob("*.log")
    assert "the first try" in log.read_text()


def test_more_than_five_flaky_tests_fail_the_run(tmp_path: Path) -> None:
    assert run(tmp_path, flaky=5)[0] == 0
    for seen in tmp_path.glob("seen*"):
        seen.unlink()
    code, shown, tally = run(tmp_path, flaky=6)
    assert code == 1
    assert "more than 5 flaky tests fail the run" in shown
    assert tally.split()[:3] == ["7", "0", "6"]


def test_what_fails_at_each_of_three_tries_fails_the_run(tmp_path: Path) -> None:
    code, shown, tally = run(tmp_path, flaky=0, broken=True)
    assert code == 1
    assert "FLAKY" not in shown
    assert tally.split()[:3] == ["0", "1", "0"]
    [log] = (tmp_path / "logs").glob("*.log")
    assert log.read_text().count("test_it.py::test_never (call)") == 3
