"""How a command becomes one of the programs."""

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
