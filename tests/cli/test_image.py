"""`kohakuriver image build` hands its options to the script that is installed beside it."""

import shlex
import sys
from pathlib import Path

import pytest

from kohakuriver.cli.image import build
from kohakuriver.cli.main import run


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the script asks the engine: a docker that has the image writes it down, with the engine meant."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "docker"
    file = tmp_path / "told"
    script.write_text(
        f'#!/bin/sh\necho "$DOCKER_HOST $*" >>{file}\n'
        'case "$*" in version*) echo amd64 ;; *Labels*) echo bookworm ;; *Created*) date +%F ;; esac\n'
    )
    script.chmod(0o755)
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (folder / "id").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return file


def examples() -> list[str]:
    return build.EXAMPLES.strip().splitlines()


@pytest.mark.parametrize("line", examples())
def test_the_examples_are_taken(line: str, told: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = run(shlex.split(line)[1:])
    out, err = capfd.readouterr()
    if "--renew" in line:  # and then it goes on to what only root may do
        assert code == 1 and "only root can build it" in err
    else:
        assert code == 0 and "kohakuriver/debian-ssh is on the engine" in out, err


def test_the_engine_that_is_named_is_asked(told: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(["image", "build"])
    assert told.read_text().startswith("unix:///var/run/docker.sock version")
    told.unlink()
    run(["image", "build", "--docker-host", "unix:///run/other.sock"])
    assert {line.split()[0] for line in told.read_text().splitlines()} == {"unix:///run/other.sock"}


def test_another_release_than_the_image_s_is_built(told: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["image", "build", "--codename", "trixie"]) == 1
    assert "only root can build it" in capfd.readouterr().err
    assert run(["image", "build", "--codename", "no release"]) == 1
    assert 'invalid release of Debian "no release": use bookworm or trixie' in capfd.readouterr().err


def test_root_is_told_the_path_of_the_command_as_its_own_is_another(tmp_path: Path) -> None:
    given = build.environment_of({"A": "1"}, program="/opt/k/bin/kohakuriver", docker_host=None)
    assert given == {"A": "1", "KOHAKURIVER_COMMAND": "/opt/k/bin/kohakuriver"}
    given = build.environment_of({}, program=sys.executable, docker_host="unix:///x")
    assert given == {"KOHAKURIVER_COMMAND": "kohakuriver", "DOCKER_HOST": "unix:///x"}
