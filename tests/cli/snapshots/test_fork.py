"""`vps fork` against the real API server; a test speaks for the node and for the controller."""

import asyncio

import pytest

from kohakuriver.cli.snapshots import copies
from kohakuriver.resources import kinds
from tests.cli.snapshots.kit import a_snapshot, is_ready, made, says
from tests.cli.vps.objects import a_vps

S = "dev-20260101-120000"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFtzvmh+T8b/VrN5lJgMqJdjjrEINQtOJ8yhjVJxJ0vT me@here"


def parent(name="dev", **spec):
    vps = a_vps(name, **spec)
    vps["spec"]["ssh"] = {"authorizedKeys": [KEY]}
    return vps


async def test_a_fork_begins_from_what_the_first_one_has_now(shell):
    await shell.put(
        kinds.VPS, parent(volumes=[{"name": "home", "target": "/root", "reclaimPolicy": "Retain"}])
    )
    waiting = asyncio.create_task(shell("vps fork dev"))
    snapshot = await made(shell, r"dev-fork-\d{8}-\d{6}")
    spec = snapshot["spec"]
    assert (spec["cause"], spec["keepFor"], spec["volumes"]) == ("Fork", "1h", "Include")
    await is_ready(shell, snapshot)
    fork = await made(shell, "dev-1", resource=kinds.VPS)
    name = snapshot["metadata"]["name"]
    assert fork["spec"]["filesFrom"] == {"snapshot": name}
    assert fork["spec"]["ssh"] == {"authorizedKeys": [KEY]}
    await shell.put(kinds.VPS, {**a_vps("dev-1"), "metadata": fork["metadata"], "spec": fork["spec"]})
    code, out, err = await waiting
    assert (code, out) == (0, "vps/dev-1 created\nvps/dev-1 running\n")
    assert err == f"snapshot/{name} ready: 240Mi on n1, paused for 812 ms\n"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("dev", ["dev-2"]),
        ("dev --count 2", ["dev-2", "dev-4"]),
        ("dev a b", ["a", "b"]),
        ("dev a b --count 2", ["a", "b"]),
    ],
)
async def test_the_new_ones_have_names_that_are_free(shell, words, names):
    for name in ("dev", "dev-1", "dev-3"):
        await shell.put(kinds.VPS, parent(name))
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    code, out, err = await shell(f"vps fork {words} --from {S} --no-wait")
    assert (code, out, err) == (0, "".join(f"vps/{name} created\n" for name in names), "")


async def test_names_alone_are_for_scripts(shell):
    await shell.put(kinds.VPS, parent())
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    line = "vps fork dev@2026 a b -o name --no-wait"
    assert await shell(line) == (0, "vps/a\nvps/b\n", "")


async def test_a_name_that_is_taken_is_refused_before_a_snapshot_is_taken(shell):
    await shell.put(kinds.VPS, parent())
    await shell.put(kinds.VPS, a_vps("test"))
    assert await shell("vps fork dev new test") == (
        1,
        "",
        "error: there is already a VPS test, so nothing was made\nhint: choose another name\n",
    )
    assert (await shell("get snapshots -o name"))[1] == "" and (await shell("get vps new"))[0] == 1


async def test_a_snapshot_that_fails_makes_no_vps(shell):
    await shell.put(kinds.VPS, parent())
    waiting = asyncio.create_task(shell("vps fork dev new"))
    snapshot = await made(shell)
    await says(shell, kinds.SNAPSHOT, snapshot, phase="Failed", message="no room")
    name = snapshot["metadata"]["name"]
    assert await waiting == (
        1,
        "",
        f"error: snapshot/{name}: no room\n"
        f"hint: delete it, then try again: kohakuriver delete snapshot {name}\n",
    )
    assert (await shell("get vps new"))[0] == 1


async def test_a_fork_that_stops_half_way_says_what_is_made_and_how_to_go_on(shell):
    await shell.put(kinds.VPS, parent())
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    code, out, err = await shell(f"vps fork dev a B c --from {S} --no-wait")
    assert (code, out) == (1, "vps/a created\n")
    first, *_, last = err.splitlines()
    assert first.startswith("error: vps/B was not made: ")
    assert last == f"made: 1 of 3; the rest: kohakuriver vps fork dev B c --from {S}"


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("vps fork", 2, "which VPS is meant? an ID is missing"),
        ("vps fork dev a a", 2, '"a" is named twice'),
        ("vps fork dev --count 0", 2, 'invalid --count "0": use a number from 1 to 100'),
        ("vps fork dev --count ten", 2, 'invalid --count "ten": use a number from 1 to 100'),
        ("vps fork dev a --count 2", 2, "--count 2 and 1 names do not go together"),
        ("vps fork dev@a --from b", 2, 'one snapshot is enough: "a" or "b"?'),
        ("vps fork dev --from late", 1, "snapshot/late cannot be used: it failed: no room"),
        ("vps fork dev --from other", 1, "snapshot/other has the files of vps/test, not of vps/dev"),
        ("vps fork dev --from nope", 1, 'there is no snapshot "nope" in namespace default'),
    ],
)
async def test_what_cannot_be_is_told(shell, line, code, message):
    await shell.put(kinds.VPS, parent())
    await shell.put(kinds.SNAPSHOT, a_snapshot("late", phase="Failed", message="no room"))
    await shell.put(kinds.SNAPSHOT, a_snapshot("other", vps="test"))
    ended, out, err = await shell(line)
    assert (ended, out) == (code, "") and err.splitlines()[0].startswith(f"error: {message}")


async def test_the_number_of_another_tool_is_led_to_ours(shell):
    """-n is the namespace of every command."""
    await shell.put(kinds.VPS, parent())
    code, _, err = await shell("vps fork dev -n 3")
    assert code == 1 and "hint: -n names a namespace; so many new ones: --count 3\n" in err


def test_a_copy_has_all_but_what_is_the_first_ones_own():
    vps = a_vps(
        placement={"node": "n1", "numa": 1, "gpus": {"ids": [0, 1]}},
        run_state="Stopped",
        restartRequest="x",
        replaceFiles=4,
        keepReplacedFiles="7d",
        filesFrom={"snapshot": "older"},
        snapshots={"schedule": "@daily", "keepLast": 3, "hooks": {"before": ["sync"]}},
        env={"A": "b"},
    )
    vps["metadata"] |= {"labels": {"team": "red"}, "annotations": {"a": "b"}, "finalizers": ["x"]}
    copy = copies.manifest(vps, "new", S)
    assert copy["metadata"] == {"name": "new", "namespace": "default", "labels": {"team": "red"}}
    assert copy["spec"] == {
        "runState": "Running",
        "image": "kohakuriver/debian-ssh",
        "resources": {"cores": 2, "memory": "4Gi"},
        "ssh": {"authorizedKeys": ["ssh-ed25519 AAAA someone"]},
        "restartPolicy": "Always",
        "placement": {"numa": 1, "gpus": {"count": 2}},
        "filesFrom": {"snapshot": S},
        "snapshots": {"hooks": {"before": ["sync"]}},
        "env": {"A": "b"},
    }
    assert vps["spec"]["placement"]["gpus"] == {"ids": [0, 1]}, "the first one stays as it is"
