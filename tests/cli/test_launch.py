"""The script `kohakuriver` as pip puts it beside Python: what it starts, and in which environment."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import __version__
from kohakuriver.client import config
from kohakuriver.client.config import Connection

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "manifests/bin/kohakuriver"
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
NOTE = '{{"dir_info": {{"editable": true}}, "url": "file://{}"}}'


class Environment:
    """A virtual environment by hand, in which nothing but its .pth file leads to what KohakuRiver needs."""

    def __init__(self, top: Path) -> None:
        self.top, self.bin = top, top / "bin"
        self.packages = top / "lib" / PYTHON / "site-packages"
        self.packages.mkdir(parents=True)
        self.bin.mkdir()
        (top / "pyvenv.cfg").write_text(f"home = {Path(sys._base_executable).parent}\n")
        for name in ("python", "python3", PYTHON):
            (self.bin / name).symlink_to(sys._base_executable)
        self.seen = top / "site was here"
        lead = f"import pathlib; pathlib.Path({str(self.seen)!r}).touch()\n{sysconfig.get_path('purelib')}\n"
        (self.packages / "lead.pth").write_text(lead)
        self.command = self.bin / "kohakuriver"
        shutil.copy(SCRIPT, self.command)
        self.config = top / "config"
        config.write(self.config, Connection("http://127.0.0.1:9", token="t"), cluster="c", user="u")

    def install(self, *, name: str = "kohakuriver") -> None:
        (self.packages / name).symlink_to(PROJECT / "kohakuriver")

    def __call__(self, *words: str, command: Path | None = None, **more: Any):
        asks = {name: more.pop(name) for name in ("user", "group", "extra_groups") if name in more}
        given = {"PATH": os.environ["PATH"], "HOME": str(self.top), "KOHAKURIVER_CONFIG": str(self.config)}
        return subprocess.run(
            [command or self.command, *words],
            env=given | more,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.top,
            **asks,
        )


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "an environment")


def test_what_is_called_often_starts_without_the_rest_of_the_environment(environment):
    environment.install()
    done = environment("vps", "list")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "error: nothing listens at http://127.0.0.1:9",
    )
    assert not environment.seen.exists()


def test_everything_else_has_the_environment_as_python_makes_it(environment):
    environment.install()
    done = environment("completion", "fish")
    assert (done.returncode, done.stdout[:1], done.stderr) == (0, "#", "")
    assert environment.seen.exists()


def test_what_only_the_rest_of_the_environment_has_is_found_there(environment):
    environment.install()
    environment.config.write_text(
        "current-context: c\n"
        "contexts: [{name: c, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
    )
    assert environment("vps", "list").stderr.startswith("error: nothing listens at http://127.0.0.1:9\n")
    assert environment.seen.exists(), "yaml is in no folder of the environment itself"


def test_a_link_to_it_starts_the_same(environment, tmp_path):
    environment.install()
    (tmp_path / "near").symlink_to(environment.command)
    (tmp_path / "links").mkdir()
    (tmp_path / "links/far").symlink_to("../near")
    done = environment("vps", "list", command=tmp_path / "links/far")
    assert done.stderr.startswith("error: nothing listens")
    assert not environment.seen.exists()


def test_a_checkout_installed_in_place_is_found_by_what_pip_has_noted(environment):
    note = environment.packages / "kohakuriver-0.1.0.dist-info/direct_url.json"
    note.parent.mkdir()
    note.write_text(NOTE.format(PROJECT))
    assert environment("vps", "list").stderr.startswith("error: nothing listens")
    assert not environment.seen.exists()


@pytest.mark.parametrize("noted", ["", NOTE.format("/nowhere"), '{"url": "https://host/kohakuriver.whl"}'])
def test_an_environment_it_cannot_read_is_started_as_usual(environment, noted):
    note = environment.packages / "kohakuriver-0.1.0.dist-info/direct_url.json"
    note.parent.mkdir()
    note.write_text(noted)
    (environment.packages / "project.pth").write_text(f"{PROJECT}\n")
    assert environment("vps", "list").stderr.startswith("error: nothing listens")
    assert environment.seen.exists()


def test_outside_of_an_environment_the_python_starts_whose_packages_they_are(environment):
    (environment.top / "pyvenv.cfg").unlink()
    for name in ("python", "python3", PYTHON):
        (environment.bin / name).unlink()
    (environment.packages / "kohakuriver-0.1.0.dist-info").mkdir()
    (environment.bin / PYTHON).write_text(f'#!/bin/sh\necho mine >&2; exec {sys.executable} "$@"\n')
    (environment.bin / PYTHON).chmod(0o755)
    done = environment("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kohakuriver {__version__}\n", "mine\n")


def test_the_program_knows_by_which_name_it_was_called(environment):
    environment.install()
    asked = environment.packages / "sitecustomize.py"
    asked.write_text("import sys; sys.stderr.write(f'{sys.argv[0]} {sys.prefix} {sys.executable}\\n')\n")
    done = environment("completion", "fish", command=environment.top / "bin/kohakuriver")
    top = environment.top
    assert done.stderr == f"{top}/bin/kohakuriver {top} {top}/bin/python\n"


def test_words_reach_the_program_as_they_were_typed(environment):
    environment.install()
    done = environment("a  b*", "$HOME", "'", "")
    assert done.returncode == 2
    assert done.stderr.startswith('error: there is no command "a  b*"')


@pytest.mark.parametrize(
    ("module", "told"),
    [("contextlib", "Traceback (most recent call last):"), ("ssl", "error: this should not have happened: ")],
)
def test_a_fault_of_the_installation_is_told(environment, tmp_path, module, told):
    environment.install()
    (tmp_path / f"{module}.py").write_text("raise RuntimeError('broken')\n")
    done = environment("vps", "list", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(told) and "RuntimeError: broken\n" in done.stderr


@pytest.fixture
def shared():
    """One where another user can get to it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        made = Environment(Path(folder) / "environment")
        (made.bin / "python").unlink()  # it may lead to a closed folder itself, and is not started here
        (made.bin / "python").symlink_to("/bin/true")
        yield made


def _closed_packages(shared: Environment) -> Path:
    shared.packages.chmod(0o700)
    return shared.packages


def _closed_program(shared: Environment) -> Path:
    launch = shared.packages / "kohakuriver/cli/launch.py"
    launch.parent.mkdir(parents=True)
    launch.touch(0o600)
    return launch


def _closed_python(shared: Environment) -> Path:
    closed = shared.top / "closed"
    closed.mkdir(0o700)
    (shared.bin / "python").unlink()
    (shared.bin / "python").symlink_to(closed / "python3")
    (closed / "python3").symlink_to(sys._base_executable)
    return closed / "python3"


def _closed_checkout(shared: Environment) -> Path:
    closed = shared.top / "closed"
    closed.mkdir(0o700)
    note = shared.packages / "kohakuriver-0.1.0.dist-info/direct_url.json"
    note.parent.mkdir()
    note.write_text(NOTE.format(closed / "checkout"))
    return closed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("close", [_closed_packages, _closed_program, _closed_python, _closed_checkout])
def test_what_another_user_may_not_read_is_one_sentence(shared, close):
    closed = close(shared)
    done = shared("vps", "list", user=65534, group=65534, extra_groups=())
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: kohakuriver cannot start: user nobody may not")
    assert error.endswith(str(closed).removeprefix(str(shared.top)))
    assert hint.startswith("hint: let everybody read it")


def test_a_part_that_is_not_there_is_one_sentence(environment):
    (environment.packages / "kohakuriver/cli").mkdir(parents=True)
    shutil.copy(PROJECT / "cli/launch.py", environment.packages / "kohakuriver/cli/launch.py")
    done = environment("vps", "list")
    assert done.returncode == 1
    assert done.stderr.startswith("error: KohakuRiver cannot be read by this user, or is not whole: ")
    assert "hint: install it anew" in done.stderr and "Traceback" not in done.stderr


def test_nobody_who_reads_is_an_exit_code_and_no_complaint(environment):
    environment.install()
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [environment.command, "version", "--client"],
        env={"PATH": os.environ["PATH"]}, stdout=writes, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_as_good_as_one_that_nobody_reads(environment, closed):
    environment.install()
    line = f"'{environment.command}' version --client {closed}"
    given = {"PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", line], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("Client:" in done.stdout) == (">&-" not in closed.split())
