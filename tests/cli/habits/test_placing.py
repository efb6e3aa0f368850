"""Options may stand before their command and between its words."""

import pytest

from kohakuriver.cli.completing.candidates import options_of
from kohakuriver.cli.framework import catalogue
from kohakuriver.cli.framework.habits.placing import are_options, behind
from kohakuriver.cli.main import run


@pytest.mark.parametrize(
    ("typed", "placed"),
    [
        ("vps --all list", "vps list --all"),
        ("--all vps list", "vps list --all"),
        ("--all vps -l a=b list x", "vps list --all -l a=b x"),
        ("vps -t vm create lab", "vps create -t vm lab"),
        ("-t vm vps create", "vps create -t vm"),
        ("-tvm vps create", "vps create -tvm"),
        ("-t vps vps create", "vps create -t vps"),
        ("-t create vps create", "vps create -t create"),
        ("--target=vm vps create", "vps create --target=vm"),
        ("-n team -t vm vps create", "vps create -n team -t vm"),
        ("vps --dry-run create lab", "vps create --dry-run lab"),
        ("--dry-run=client apply -f x", "apply --dry-run=client -f x"),
        ("-it exec lab -- ls -l", "exec -it lab -- ls -l"),
        ("-f logs lab", "logs -f lab"),
        ("--port 9140 up", "up --port 9140"),
        ("--help vps list", "vps list --help"),
        ("vps --help list", "vps list --help"),
        ("help", "--help"),
        ("help vps", "vps --help"),
        ("help vps create", "vps create --help"),
        ("vps help", "vps --help"),
        ("vps help create", "vps create --help"),
        ("help get", "get --help"),
    ],
)
def test_options_are_put_behind_their_command(typed, placed):
    assert behind(typed.split(), options_of) == placed.split()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "vps list --all",
        "-n team vps list",
        "vps -n team -v list --all",
        "-n vps vps list",
        "-vn team get vps",
        "vps lab stop",
        "vps --bogus list",
        "--all nonsense list",
        "exec lab -- vps --all list",
        "-- vps --all list",
        "--version",
        "-n team up",
        "agent --node vps list",
        "- vps list",
        "vps -t create",
        "cp help lab:",
    ],
)
def test_all_else_stays_as_it_was_typed(typed):
    assert behind(typed.split(), options_of) == typed.split()


def test_what_is_typed_as_usual_loads_no_command():
    def nothing(entry: catalogue.Entry) -> dict[str, bool]:
        raise AssertionError(entry.name)

    for words in (["vps", "list", "--all"], ["-n", "team", "get", "vps"], ["vps", "-v", "list"], ["help"]):
        assert behind(words, nothing)


@pytest.mark.parametrize(
    ("words", "told"),
    [("-a -o x", True), ("-ao x", True), ("-aox", True), ("-ao", False), ("-o", False), ("-ax", False),
     ("x", False), ("-a x", False), ("--", False), ("-", False)],
)  # fmt: skip
def test_options_are_told_from_other_words(words, told):
    assert are_options(words.split(), {"-a": False, "-o": True}) is told


def test_an_option_before_its_command_counts(tmp_path, capsys):
    assert run(["vps", "-t", "a:b", "create"]) == 2
    assert '--target "a:b"' in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help", "vps", "create"], ["vps", "help", "create"]])
def test_help_is_asked_for_by_a_word_too(words, capsys):
    assert run(words) == 0
    assert capsys.readouterr().out.startswith("Usage: kohakuriver vps create")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("exec lab grep -i x f", "exec lab -- grep -i x f"),
        ("exec lab tail -n 1 f", "exec lab -- tail -n 1 f"),
        ("exec -n team -i lab ls -la", "exec -n team -i lab -- ls -la"),
        ("exec lab git checkout -- f", "exec lab -- git checkout -- f"),
        ("vps connect --key k lab ls -v", "vps connect --key k lab -- ls -v"),
    ],
)
def test_no_option_of_an_inner_command_is_taken_from_it(typed, said, capsys):
    assert run(typed.split()) == 2
    assert f"a command with options stands behind --: kohakuriver {said}\n" in capsys.readouterr().err


def test_help_of_exec_runs_nothing(capsys):
    assert run(["help", "exec", "lab", "--", "ls"]) == 0
    assert "Usage: kohakuriver exec" in capsys.readouterr().out
