"""`vps list` of some by name, with more columns, and in other formats."""

import pytest

from kohakuriver.cli.view.standing import HERE
from kohakuriver.cli.vps.wide import Wide
from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_node, a_vps


@pytest.fixture
async def three(shell):
    old = a_vps("old", "stopped", run_state="Stopped")
    lab = a_vps("lab", environment="my-env", node="")
    for vps in (a_vps("dev"), old, lab):
        await shell.put(kinds.VPS, vps)
    await shell.put(kinds.NODE, a_node("n1", address="10.0.0.1"))
    return shell


async def test_those_that_are_named_are_shown_stopped_ones_too(three):
    code, out, err = await three("vps list old dev --no-headers")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["old", "dev"]


async def test_one_that_is_not_there_is_told_beside_the_others(three):
    code, out, err = await three("vps list dev gone -o name")
    assert (code, out) == (1, "vps/dev\n")
    assert 'there is no VPS "gone"' in err


@pytest.mark.parametrize("option", ["-A", "-l a=b"])
async def test_names_go_with_no_choice_of_others(three, option):
    code, out, err = await three(f"vps list dev {option}")
    assert (code, out) == (2, "")
    assert f"names and {option[:2]} do not go together" in err


async def test_wide_shows_where_it_comes_from_and_where_it_is(three):
    code, out, _ = await three("vps list lab dev -o wide")
    titles, lab, dev = out.splitlines()
    assert code == 0
    assert titles.split()[-4:] == ["IMAGE", "CONTAINER", "RESTARTS", "ADDRESS"]
    assert lab.split()[-4:] == ["environment/my-env", "-", "-", "-"]
    assert dev.split()[-4:] == ["kohakuriver/debian-ssh", "kohakuriver-default-dev-12345678", "0", "10.0.0.1"]


def test_the_name_of_its_node_stands_in_for_an_address_that_is_not_known():
    assert Wide({}, HERE).cells(a_vps())[-1] == "n1"


async def test_other_columns_are_as_those_of_get(three):
    assert await three("vps list dev -o custom-columns=A:.metadata.name") == (0, "A\ndev\n", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "vps list -o xml",
            'invalid output format "xml": use wide, yaml, json, name, jsonpath=TEMPLATE, '
            "custom-columns=TITLE:PATH,…",
        ),
        ("node list -o wide", "there are yaml, json, name, jsonpath=TEMPLATE, custom-columns=TITLE:PATH,…"),
        ("events -o table", "there are yaml, json, name, jsonpath=TEMPLATE, custom-columns=TITLE:PATH,…"),
        ("vps status dev -o wide", "there are yaml, json, name, jsonpath=TEMPLATE"),
    ],
)
async def test_a_wrong_format_is_answered_by_those_that_the_command_has(three, line, said):
    code, out, err = await three(line)
    assert (code, out) == (2, "")
    assert err.endswith(f": {said}\n")
