"""Of several that are named, those that are there are seen to, and each that is not is told."""

import pytest

from kohakuriver import errors
from kohakuriver.cli import absent
from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_node, a_vps

VERBS = [
    "vps stop dev gone test --no-wait",
    "vps start dev gone test --no-wait",
    "vps restart dev gone test --no-wait",
    "vps pause dev gone test --no-wait",
    "vps delete dev gone test --no-wait",
    "delete vps dev gone test --no-wait",
    "vps status dev gone test",
    "get vps dev gone test",
    "describe vps dev gone test",
    "label vps dev gone test team=red",
    "annotate vps dev gone test note=x",
    "label vps dev gone test --list",
    'patch vps dev gone test -p \'{"spec":{"priority":7}}\'',
    "node cordon dev gone test",
    "node uncordon dev gone test",
    "node drain dev gone test --no-wait",
    "node accept dev gone test --request-timeout=1s",
    "node revoke dev gone test",
    "node status dev gone test",
]


@pytest.mark.parametrize("line", VERBS)
async def test_the_others_are_seen_to(shell, line):
    for name in ("dev", "test"):
        await shell.put(kinds.VPS, a_vps(name))
        await shell.put(kinds.NODE, a_node(name))

    code, out, err = await shell(line)

    assert code == 1
    assert "dev" in out and "test" in out
    assert "gone" not in out
    assert err.startswith("error: ") and err.count("error: ") == 1 and '"gone"' in err


async def test_what_may_mean_several_is_refused_before_anything_is_done(shell):
    for name in ("dev-1", "dev-2", "test"):
        await shell.put(kinds.VPS, a_vps(name))
    assert (await shell("vps stop test dev --no-wait"))[:2] == (2, "")
    assert (await shell.get(kinds.VPS, "test"))["spec"]["runState"] == "Running"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            {"reason": "NotFound", "kind": "namespaces", "said": 'namespaces "dev" not found'},
            'there is no namespace "dev"',
        ),
        (
            {"reason": "AlreadyExists", "kind": "vpses", "said": 'x "dev" already exists'},
            'there is already a VPS "dev"',
        ),
        (
            {"reason": "AlreadyExists", "kind": "environments", "said": 'x "dev" already exists'},
            'there is already an environment "dev"',
        ),
        ({"reason": "Conflict", "kind": "vpses", "said": 'x "dev" already exists'}, 'x "dev" already exists'),
        ({"reason": "NotFound", "kind": "pods", "said": 'pods "dev" not found'}, 'pods "dev" not found'),
        ({"reason": "NotFound", "kind": "vpses", "said": "something else"}, "something else"),
    ],
)
def test_what_the_server_says_of_an_object_is_said_in_our_words(status, message):
    details = {"name": "dev", "kind": status["kind"]}
    error = errors.from_status({"reason": status["reason"], "message": status["said"], "details": details})

    assert absent.reworded(error).message == message


async def test_a_vps_in_no_namespace_and_one_that_is_there_already_are_told_in_our_words(shell):
    code, _, err = await shell("vps create --name dev --no-ssh-key --no-wait -n nope")
    assert (code, err.splitlines()[-2:]) == (
        1,
        ['error: there is no namespace "nope"', "hint: create it first: kubectl create namespace nope"],
    )
    await shell("vps create --name dev --no-ssh-key --no-wait")
    code, _, err = await shell("vps create --name dev --no-ssh-key --no-wait")
    assert (code, err.splitlines()[-2:]) == (
        1,
        [
            'error: there is already a VPS "dev"',
            "hint: choose another name, or see that one: kohakuriver vps status dev",
        ],
    )


async def test_a_value_that_cannot_be_read_is_named_once(shell):
    code, _, err = await shell("vps create --name dev --no-ssh-key --no-wait --cores abc")

    assert code == 1
    assert err.startswith('error: --cores: invalid quantity "abc": write a number')
