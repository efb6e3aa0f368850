"""What people type for objects."""

import pytest

from kohakuriver.cli import failures
from kohakuriver.cli.api import targets
from kohakuriver.cli.api.targets import Target
from kohakuriver.resources import kinds


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["vps"], [Target(kinds.VPS)]),
        (["VPSes"], [Target(kinds.VPS)]),
        (["no", "n1", "n2"], [Target(kinds.NODE, ("n1", "n2"))]),
        (["vps,nodes"], [Target(kinds.VPS), Target(kinds.NODE)]),
        (
            ["vps/dev", "node/n1", "vps/test"],
            [Target(kinds.VPS, ("dev", "test")), Target(kinds.NODE, ("n1",))],
        ),
        (["vpses.kohakuriver.io", "dev"], [Target(kinds.VPS, ("dev",))]),
        (["all"], [Target(kinds.VPS)]),
    ],
)
def test_kinds_and_names_are_understood(words, expected):
    assert targets.parse(words) == expected


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ([], "a kind is missing", "vps"),
        (["vpz"], 'no kind "vpz"', "did you mean vps?"),
        (["zebra"], 'no kind "zebra"', "vpses, nodes"),
        (["vps/dev", "test"], 'invalid object "test": write either KIND NAME', ""),
        (["vps/"], 'invalid object "vps/"', ""),
    ],
)
def test_what_is_not_understood_is_told_with_what_is(words, message, hint):
    with pytest.raises(failures.UsageError, match=message) as caught:
        targets.parse(words)
    assert hint in caught.value.hint


def test_a_command_that_needs_names_says_so():
    with pytest.raises(failures.UsageError, match="a name is missing"):
        targets.named(["vps"])
