"""The command line as a whole: exit codes, where options may stand, and what errors look like."""

import subprocess
import sys

import pytest

from kohakuriver import __version__
from kohakuriver.cli.framework import catalogue
from kohakuriver.cli.main import run
from kohakuriver.client import config
from kohakuriver.client.config import Connection

TALKERS = ("get", "delete", "wait", "apply", "vps", "node")


@pytest.fixture
def nobody(tmp_path):
    """A config file whose server is not there."""
    file = tmp_path / "config"
    config.write(file, Connection("http://127.0.0.1:9", token="t"), cluster="c", user="u")
    return str(file)


def test_help_lists_every_command(capsys):
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {entry.name}" in shown and entry.summary in shown for entry in catalogue.ENTRIES)


def test_no_arguments_are_a_question_for_help(capsys):
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: kohakuriver")


def commands() -> list[tuple[str, catalogue.Entry]]:
    """Every command with its path, those of groups too."""
    alone = [one for one in catalogue.ENTRIES if not one.passthrough and not one.is_group]
    grouped = [(f"{group.name} {one.name}", one) for group in groups() for one in group.commands]
    return [*((one.name, one) for one in alone), *grouped]


def groups() -> list[catalogue.Entry]:
    return [one for one in catalogue.ENTRIES if one.is_group]


@pytest.mark.parametrize(("path", "entry"), commands(), ids=lambda one: one if isinstance(one, str) else "")
def test_help_of_a_command_opens_with_examples(path, entry, capsys):
    assert run([*path.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("Examples:") < shown.index("Arguments and options:")
    assert f"kohakuriver {path}" in shown.partition("Examples:")[2].partition("\n\n")[0]
    assert ("Global options:" in shown) is entry.remote
    assert run([*path.split(), "-h"]) == 0


@pytest.mark.parametrize("group", groups(), ids=lambda one: one.name)
@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_of_a_group_opens_with_examples_and_lists_its_commands(group, words, capsys):
    assert run([group.name, *words]) == 0
    shown = capsys.readouterr().out
    assert shown.index("Examples:") < shown.index("Commands:")
    assert all(f"  {entry.name}" in shown and entry.summary in shown for entry in group.commands)


def test_the_version_needs_no_server(capsys):
    assert run(["--version"]) == 0
    assert run(["version", "--client"]) == 0
    assert capsys.readouterr().out == f"kohakuriver {__version__}\nClient: {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gett"], 'there is no command "gett"; did you mean: kohakuriver get'),
        (["get"], "a kind is missing"),
        (["get", "vpz"], 'there is no kind "vpz"'),
        (["get", "pods"], 'there is no kind "pods"'),
        (["get", "vps", "--wach"], "no such option: --wach"),
        (["get", "vps", "-o", "xml"], 'invalid output format "xml": use '),
        (["get", "vps", "-o", "jsonpath={"], "-o jsonpath: a } is missing"),
        (["get", "vps", "dev", "-l", "a=b"], "names and -l do not go together"),
        (["get", "vps,nodes", "-w"], "-w watches one kind"),
        (["get", "vps", "--request-timeout", "soon"], 'invalid duration "soon"'),
        (["apply"], "what is to be applied?"),
        (["delete", "vps"], "which vps is meant?"),
        (["delete"], "what is to be deleted?"),
        (["delete", "vps", "dev", "--timeout", "x"], "--timeout: "),
        (
            ["wait", "vps/dev"],
            "error: --for is missing: kohakuriver wait vps/dev --config CONFIG --for CONDITION\n",
        ),
        (["cp"], "error: SRC is missing: kohakuriver cp SRC DST\n"),
        (["cp", "a b"], "error: DST is missing: kohakuriver cp 'a b' DST\n"),
        (
            ["run", "-p", "80:80", "--restart", "no", "web"],
            "did you mean: kohakuriver vps create --image web\n",
        ),
        (["run", "-p", "80:80", "web"], "hint: left out: -p, since ports are forwarded afterwards: "),
        (["wait", "vps/dev", "--for=luck"], 'invalid condition "luck": --for takes'),
        (["-n", "team", "up"], "invalid value for --namespace: up has no use for it"),
        (["up", "--port", "0"], "--port"),
        (["vps", "lst"], 'there is no command "vps lst"; did you mean: kohakuriver vps list'),
        (["vps", "stop"], "which VPS is meant?"),
        (["vps", "delete"], "which VPS is meant?"),
        (["vps", "status"], "which VPS is meant?"),
        (["vps", "create", "-t", "a:b"], '--target "a:b": invalid number of a NUMA node "b"'),
        (["vps", "create", "--image", "a", "--container", "b"], "--container and --image do not go together"),
        (["vps", "create", "--mount", "/data"], '--mount "/data" cannot be read'),
        (["vps", "create", "--mount", "/a:/b:rx"], "cannot be read"),
        (["vps", "create", "--volume", "home"], '--volume "home" cannot be read'),
        (["vps", "create", "--env", "A"], '--env "A" cannot be read'),
        (
            ["vps", "create", "-o", "wide"],
            "-o wide is not for this command\nhint: there are yaml, json, name, jsonpath=TEMPLATE\n",
        ),
        (["vps", "create", "--gen-ssh-key", "--no-ssh-key"], "do not go together"),
        (["vps", "create", "--key-out-file", "x"], "--key-out-file says where a generated key goes"),
        (["node", "drain"], "which node is meant?"),
        (["node", "label", "n1"], "no label is named"),
        (["node", "label", "n1", "disk"], 'invalid label "disk"'),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_a_hint(nobody, capsys, words, message):
    assert run([*words, "--config", nobody] if words[0] in TALKERS else words) == 2
    shown = capsys.readouterr()
    assert message.replace("CONFIG", nobody) in shown.err
    assert "\nhint: " in shown.err or message.startswith("invalid ")  # which says what is allowed
    assert shown.out == ""
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "CONFIG", "get", "vps"],
        ["get", "--config", "CONFIG", "vps"],
        ["get", "vps", "--config", "CONFIG"],
        ["--config", "/nowhere", "get", "vps", "--config=CONFIG"],
        ["vps", "--config", "CONFIG", "list"],
        ["vps", "list", "--config", "CONFIG"],
        ["--config", "/nowhere", "vps", "--config", "CONFIG", "list"],
        ["get", "vps", "-wv", "--config", "CONFIG", "-n", "team", "--request-timeout=1s"],
    ],
)
def test_options_may_stand_anywhere(nobody, capsys, words):
    code = run([word.replace("CONFIG", nobody) for word in words if word != "-wv"])
    assert code == 1
    assert capsys.readouterr().err.startswith(
        "error: nothing listens at http://127.0.0.1:9\nhint: start a cluster on this machine: kohakuriver up"
    )


def test_a_config_file_that_is_not_there_is_told_with_what_to_do(tmp_path, capsys):
    assert run(["get", "vps", "--config", str(tmp_path / "none")]) == 1
    shown = capsys.readouterr().err
    assert f"error: there is no config file at {tmp_path}/none\n" in shown
    assert "or start a cluster: kohakuriver up" in shown


def test_an_unknown_context_is_told_with_those_there_are(nobody, capsys):
    assert run(["get", "vps", "--config", nobody, "--context", "x"]) == 1
    assert 'has no context "x"\nhint: it has: c\n' in capsys.readouterr().err


@pytest.mark.parametrize("words", [["get", "vps", "-n", "\udcff"], ["vps", "list", "-l", "\udcff"]])
def test_bytes_that_are_no_text_are_told_in_a_sentence(nobody, capsys, words):
    assert run(["--config", nobody, *words]) == 2
    assert "holds bytes that are no UTF-8" in capsys.readouterr().err


def test_nothing_is_coloured_away_from_a_terminal(nobody, capsys):
    run(["get", "vps", "--config", nobody])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_as_good_as_one_that_nobody_reads(closed):
    line = f"{sys.executable} -m kohakuriver.cli version --client {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ("Client:" in done.stdout) == (">&-" not in closed.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["connect", "dev", "--", "ls", "-l"], "exec runs a command: kohakuriver exec dev -- ls -l\n"),
        (
            ["connect", "--session", "b", "dev", "--", "ls"],
            "exec runs a command: kohakuriver exec dev -- ls\n",
        ),
        (["vps", "status", "dev", "-o"], "error: option -o requires an argument\n"),
    ],
)
def test_what_is_told_of_a_command_line_can_be_typed(capsys, words, message):
    assert run(words) == 2
    assert message in capsys.readouterr().err
