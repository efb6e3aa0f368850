"""The second step of `make setup`, where two `make` are at work in one clone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.manifests.machine import STEPS, Machine

PYTHON = """
case "$*" in
    --version) echo Python 3.11.2 ;;
    "-m venv "*)
        mkdir -p .venv/bin
        echo "$PWD/.venv/" >.venv/bin/pip
        cp "$0" .venv/bin/python ;;
    *--version*) exit 0 ;;
    *" install --require-hashes "*) echo packages >>$said; read -r _ <"${said%/*}/go" ;;
    *" install "*) echo project >>$said ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what the step reads."""
    folder = tmp_path / "clone"
    for part in ("development", "install"):
        shutil.copytree(STEPS.parent / part, folder / "manifests" / part, symlinks=True)
    for name in ("requirements-dev.txt", "requirements-embedded.txt", "pyproject.toml"):
        (folder / name).write_text(name)
    return folder


def test_the_second_of_two_waits_and_finds_the_work_done(clone: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has("etcd")
    machine.has("python3", doing=PYTHON)
    for name in ("cksum", "cp", "flock"):
        found = shutil.which(name)
        assert found
        (Path(machine.path) / name).symlink_to(found)
    os.mkfifo(tmp_path / "go")
    with start(clone, machine) as first, start(clone, machine) as second:
        assert first.stdout is not None and second.stdout is not None
        said = sorted([first.stdout.readline(), second.stdout.readline()], key=lambda line: "waiting" in line)
        assert "making .venv" in said[0]
        assert "another make is at work on .venv: waiting for it" in said[1]
        (tmp_path / "go").write_text("\n")
        rest = first.stdout.read() + second.stdout.read()
    assert (first.returncode, second.returncode) == (0, 0)
    assert ".venv is up to date" in rest
    assert machine.said.read_text().split() == ["packages", "project"]


def start(clone: Path, machine: Machine) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [clone / "manifests/development/python-environment"],
        env={"PATH": machine.path, "DOCKER_HOST": "unix:///nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
