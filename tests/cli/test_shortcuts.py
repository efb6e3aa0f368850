"""The command lines that are read without what reads all the others."""

import subprocess
import sys

import pytest

from kohakuriver.cli import shortcuts
from kohakuriver.cli.main import run
from kohakuriver.client import config
from kohakuriver.client.config import Connection

_HEAVY = (
    "typer",
    "kohakuriver.cli.framework.application",
    "kohakuriver.cli.kubectl.output",
    "pydantic",
    "tempfile",
    "aiohttp",
    "rich",
)
_LOADED = f"import sys, {{}}; print([one for one in {list(_HEAVY)} if one in sys.modules])"


@pytest.mark.parametrize(
    "words",
    ["exec dev -- ls", "exec dev -- sh -c x -it", "exec dev -i -- cat", "exec vps/dev -- ls", "vps list"],
)
def test_the_plainest_way_is_a_shortcut(words):
    assert shortcuts.find(words.split()) is not None


@pytest.mark.parametrize(
    "words",
    [
        "exec", "exec dev", "exec dev --", "exec -- ls", "exec dev ls", "exec dev -it -- sh",
        "exec dev -h -- ls",
        "exec -n lab dev -- ls", "exec dev -n lab -- ls", "exec --help -- ls", "-n lab exec dev -- ls", "vps",
        "vps list --all", "vps list dev", "vps list -h", "",
    ],
)  # fmt: skip
def test_everything_else_is_read_in_full(words):
    assert shortcuts.find(words.split()) is None


@pytest.mark.parametrize(
    ("short", "full"),
    [
        (["vps", "list"], ["vps", "list", "--no-headers"]),
        (["exec", "dev", "--", "ls"], ["exec", "dev", "--request-timeout", "30s", "--", "ls"]),
    ],
)
def test_both_ways_end_alike(short, full, tmp_path, monkeypatch, capsys):
    file = tmp_path / "config"
    config.write(file, Connection("http://127.0.0.1:9", token="t"), cluster="c", user="u")
    monkeypatch.setenv(config.VARIABLE, str(file))
    code = run(short)
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert (run(full), capsys.readouterr()) == (code, said)


@pytest.mark.parametrize(
    "modules",
    [
        "kohakuriver.cli.main, kohakuriver.cli.access.running, kohakuriver.cli.session.target",
        "kohakuriver.cli.main, kohakuriver.cli.vps.listing",
    ],
)
def test_a_shortcut_loads_nothing_that_is_slow_to_load(modules):
    done = subprocess.run(
        [sys.executable, "-c", _LOADED.format(modules)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_process_ends_with_the_code_of_its_command_and_all_that_it_had_to_say():
    words = [sys.executable, "-m", "kohakuriver.cli"]
    done = subprocess.run([*words, "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith('error: there is no command "nonsense"')
    done = subprocess.run([*words, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1][:11]) == (0, "Exit codes:")
