"""What the shells' scripts are answered, and the scripts in the shells that are there."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kohakuriver.cli.completing import candidates, completion
from kohakuriver.cli.main import run
from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_node, a_vps


async def offered(shell, line: str, *, of: str = "bash") -> list[str]:
    """The candidates at the end of a line, without what they are."""
    words = shell.words("")  # writes the config file
    *before, last = line.split(" ")
    typed = ["__complete", of, "--", *words, *before, last]

    assert await asyncio.to_thread(run, typed) == 0
    return [one.partition("\t")[0] for one in shell.capture.readouterr().out.splitlines()]


@pytest.fixture
async def cluster(shell):
    for name in ("dev", "demo", "test"):
        await shell.put(kinds.VPS, a_vps(name))
    await shell.put(kinds.NODE, a_node("n1"))
    return shell


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ap", ["apply", "api-resources", "apiserver"]),
        ("vps st", ["status", "stop", "start"]),
        ("vps stop d", ["demo", "dev"]),
        ("vps stop dev d", ["demo"]),
        ("vps -n default stop d", ["demo", "dev"]),
        ("vps stop --timeout 5m d", ["demo", "dev"]),
        ("vps stop --no-wait d", ["demo", "dev"]),
        ("node drain ", ["n1"]),
        ("get v", ["vps"]),
        ("describe resourceq", ["resourcequota"]),
        ("get vps d", ["demo", "dev"]),
        ("get vps/d", ["vps/demo", "vps/dev"]),
        ("get vps -o y", ["yaml"]),
        ("get vps --output=js", ["json", "jsonpath="]),
        ("get vps -n d", ["default"]),
        ("get vps --watch-", ["--watch-only"]),
        ("vps create -t n", ["n1"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("--name", ["--namespace"]),
        ("config use-context t", ["test"]),
        ("agent --no", []),
        ("nonsense ", []),
        ("apply -f ", []),
    ],
)
async def test_what_may_stand_there_is_offered(cluster, line, words):
    assert sorted(await offered(cluster, line)) == sorted(words)


async def test_shells_that_do_not_cut_at_equals_get_the_whole_word(cluster):
    assert await offered(cluster, "get vps --output=ya", of="fish") == ["--output=yaml"]


async def test_what_a_vps_is_stands_beside_its_name(cluster):
    line = candidates.lines.read(["vps", "stop", ""], candidates.options_of)
    assert line.entry is not None and line.entry.names == "vps"


def test_nobody_hears_of_a_server_that_is_away(tmp_path, capsys):
    assert run(["__complete", "bash", "--", "--config", str(tmp_path / "none"), "vps", "stop", ""]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_shell_that_is_not_known_is_told(capsys):
    assert run(["completion", "tcsh"]) == 2
    assert "there are bash, zsh, fish" in capsys.readouterr().err


@pytest.mark.parametrize("shell", completion.SCRIPTS)
def test_the_script_is_one_that_the_shell_can_read(shell, tmp_path):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not on this machine")
    file = tmp_path / "script"
    file.write_text(completion.SCRIPTS[shell])
    done = subprocess.run([program, "-n", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


ASKED = {
    "bash": 'COMP_WORDS=(kohakuriver vps re); COMP_CWORD=2; _kohakuriver; printf "%s\\n" "${COMPREPLY[@]}"',
    "fish": 'complete -C "kohakuriver vps re"',
}


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_completes_a_command(shell, tmp_path):
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    program = bin_ / "kohakuriver"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m kohakuriver.cli "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(completion.SCRIPTS[shell])
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not on this machine")
    done = subprocess.run(
        [found, "-c", f"source {tmp_path / 'script'}; {ASKED[shell]}"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": f"{bin_}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
    )
    words = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert (words, done.stderr.strip()) == (["restart", "resume"], "")


async def test_what_somebody_wrote_into_an_object_makes_no_candidate_of_its_own(shell) -> None:
    await shell.put(kinds.VPS, a_vps("dev", "pending\n$(touch pwned)\tx\x1b[2J"))
    words = ["__complete", "bash", "--", *shell.words(""), "vps", "stop", ""]
    assert await asyncio.to_thread(run, words) == 0
    [line] = shell.capture.readouterr().out.splitlines()
    assert line.startswith("dev\t") and line.count("\t") == 1 and line.replace("\t", "").isprintable()
