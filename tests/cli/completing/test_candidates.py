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
from tests.cli.snapshots.kit import a_snapshot
from tests.cli.vps.objects import a_node, a_vps


async def offered(shell, line: str, *, of: str = "bash") -> list[str]:
    """The candidates at the end of a line, without what they are."""
    words = shell.words("")  # writes the config file
    *before, last = line.split(" ")
    typed = ["__complete", of, "--", *words, *before, last]

    assert await asyncio.to_thread(run, typed) in (0, 1)
    return [one.partition("\t")[0] for one in shell.capture.readouterr().out.splitlines()]


@pytest.fixture
async def cluster(shell):
    for name in ("dev", "demo", "test"):
        await shell.put(kinds.VPS, a_vps(name))
    await shell.put(kinds.NODE, a_node("n1"))
    for name, vps in (("dev-a", "dev"), ("dev-b", "dev"), ("test-a", "test")):
        await shell.put(kinds.SNAPSHOT, a_snapshot(name, vps=vps))
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
        ("vps rest", ["restart", "restore"]),
        ("vps snapshot d", ["demo", "dev"]),
        ("vps snapshots d", ["demo", "dev"]),
        ("vps restore d", ["demo", "dev"]),
        ("vps restore dev ", ["dev-a", "dev-b"]),
        ("vps restore test --undo ", ["test-a"]),
        ("vps fork d", ["demo", "dev"]),
        ("vps fork dev d", []),
        ("vps fork dev --from ", ["dev-a", "dev-b"]),
        ("vps create --from-snapshot t", ["test-a"]),
        ("delete snapshot t", ["test-a"]),
        ("env create x --from d", ["demo", "dev"]),
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


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("vps create --container ", 1),
        ("vps create --container=", 1),
        ("env delete ", 1),
        ("get vps nobody", 1),
        ("vps stop nobody", 1),
        ("vps connect dev -- -i ", 0),
        ("vps create --public-key-file ", 0),
        ("vps create --mount ", 0),
        ("apply -f ", 0),
        ("cp ", 0),
        ("vps stop d", 0),
    ],
)
async def test_files_are_offered_only_where_a_file_may_stand(cluster, line, code):
    typed = ["__complete", "bash", "--", *cluster.words(""), *line.split(" ")]
    assert await asyncio.to_thread(run, typed) == code


async def test_shells_that_do_not_cut_at_equals_get_the_whole_word(cluster):
    assert await offered(cluster, "get vps --output=ya", of="fish") == ["--output=yaml"]


async def test_what_a_vps_is_stands_beside_its_name(cluster):
    line = candidates.lines.read(["vps", "stop", ""], candidates.options_of)
    assert line.entry is not None and line.entry.names == "vps"


def test_nobody_hears_of_a_server_that_is_away(tmp_path, capsys):
    assert run(["__complete", "bash", "--", "--config", str(tmp_path / "none"), "vps", "stop", ""]) == 1
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
    "bash": 'compopt() {{ echo "compopt $1 $2"; }}; COMP_WORDS=(kohakuriver {words} "{last}"); '
    'COMP_CWORD={place}; _kohakuriver; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": '_files() {{ echo files; }}; _describe() {{ printf "%s\\n" "${{found[@]%%:*}}"; }}; '
    'words=(kohakuriver {words} "{last}"); CURRENT={place}+1; _kohakuriver',
    "fish": 'complete -C "kohakuriver {words} {last}"',
}


def asked(shell: str, line: str, folder: Path) -> list[str]:
    """What a shell offers at the end of a line, in a folder with a file, away from any cluster."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not on this machine")
    bin_ = folder / "bin"
    bin_.mkdir()
    program = bin_ / "kohakuriver"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m kohakuriver.cli "$@"\n')
    program.chmod(0o755)
    (folder / "here").mkdir()
    (folder / "here" / "a-file").touch()
    (folder / "script").write_text("compdef() { :; }\n" * (shell == "zsh") + completion.SCRIPTS[shell])
    *words, last = line.split(" ")
    question = ASKED[shell].format(words=" ".join(words), last=last, place=len(words) + 1)
    done = subprocess.run(
        [found, "-c", f"source {folder / 'script'}; {question}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder / "here",
        env={
            "PATH": f"{bin_}:/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
    )
    assert done.stderr.strip() == ""
    return [line.split("\t")[0] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_completes_a_command(shell, tmp_path):
    assert asked(shell, "vps re", tmp_path) == ["restart", "resume", "restore"]


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_offers_no_files_for_an_environment(shell, tmp_path):
    assert asked(shell, "vps create --container ", tmp_path) == ["compopt +o default"] * (shell == "bash")


@pytest.mark.parametrize(("shell", "offered"), [("bash", []), ("zsh", ["files"]), ("fish", ["a-file"])])
def test_a_shell_offers_files_for_a_manifest(shell, offered, tmp_path):
    assert asked(shell, "apply -f ", tmp_path) == offered


async def test_what_somebody_wrote_into_an_object_makes_no_candidate_of_its_own(shell) -> None:
    await shell.put(kinds.VPS, a_vps("dev", "pending\n$(touch pwned)\tx\x1b[2J"))
    words = ["__complete", "bash", "--", *shell.words(""), "vps", "stop", ""]
    assert await asyncio.to_thread(run, words) == 0
    [line] = shell.capture.readouterr().out.splitlines()
    assert line.startswith("dev\t") and line.count("\t") == 1 and line.replace("\t", "").isprintable()
