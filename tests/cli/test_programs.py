"""How a command becomes one of the programs."""

import importlib.util

import pytest

from kohakuriver.cli import programs


@pytest.mark.parametrize(
    "words", [["--token", "s3cret", "--join", "URL"], ["--token=s3cret", "--join", "URL"]]
)
def test_a_join_token_is_not_on_the_command_line_of_the_agent_that_runs(words):
    assert programs.without_token(words) == (["--join", "URL"], "s3cret")


def test_without_a_token_every_argument_is_handed_on():
    assert programs.without_token(["--node", "n1", "-v"]) == (["--node", "n1", "-v"], "")
    assert programs.without_token(["--join", "URL", "--token"]) == (["--join", "URL", "--token"], "")


@pytest.mark.parametrize("program", ["agent", "apiserver", "cli", "controller"])
def test_a_program_is_started_by_the_name_that_it_is_installed_under(program):
    module = programs.command(program, [])[3]
    assert module == f"kohakuriver.{program}"
    assert importlib.util.find_spec(f"{module}.__main__")
