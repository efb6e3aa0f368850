"""`vps snapshot` and `vps snapshots` against the real API server; a test speaks for the node."""

import asyncio
import re

import pytest

from kohakuriver.resources import kinds
from tests.cli.snapshots.kit import a_snapshot, is_ready, made, says
from tests.cli.vps.objects import a_vps

NAME = r"dev-\d{8}-\d{6}"


async def test_a_snapshot_is_followed_until_it_is_ready(shell):
    await shell.put(kinds.VPS, a_vps())
    waiting = asyncio.create_task(shell("vps snapshot de"))
    found = await made(shell, NAME)
    assert found["spec"] == {
        "vps": {"name": "dev", "uid": "uid-of-dev", "node": "n1"},
        "volumes": "Include",
        "pause": True,
        "cause": "Manual",
    }
    await says(shell, kinds.SNAPSHOT, found, phase="Taking", message="the image is made")
    await is_ready(shell, found)
    name = found["metadata"]["name"]
    assert await waiting == (
        0,
        f"snapshot/{name} created\n",
        "ready: 240Mi on n1, paused for 812 ms\n",
    )


async def test_what_is_asked_for_is_declared(shell):
    await shell.put(kinds.VPS, a_vps())
    line = "vps snapshot dev --name before --no-volumes --no-pause --keep-for 7d --no-wait"
    assert await shell(line) == (0, "snapshot/before created\n", "")
    spec = (await shell.get(kinds.SNAPSHOT, "before"))["spec"]
    assert (spec["volumes"], spec["pause"], spec["keepFor"]) == ("Skip", False, "7d")


@pytest.mark.parametrize("words", ["dev@before", "dev/before", "dev before", "vps/dev --name before"])
async def test_a_name_is_taken_as_zfs_and_incus_write_it(shell, words):
    await shell.put(kinds.VPS, a_vps())
    assert await shell(f"vps snapshot {words} --no-wait") == (0, "snapshot/before created\n", "")


async def test_two_within_a_second_have_two_names(shell):
    await shell.put(kinds.VPS, a_vps())
    names = {(await shell("vps snapshot dev --no-wait"))[1] for _ in range(4)}
    assert len(names) == 4 and all(re.fullmatch(rf"snapshot/{NAME}(-\d+)? created\n", one) for one in names)


async def test_a_name_that_is_taken_is_told(shell):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot("before"))
    assert await shell("vps snapshot dev --name before") == (
        1,
        "",
        'error: there is already a snapshot "before"\n'
        "hint: choose another name, or see that one: kohakuriver describe snapshot before\n",
    )


async def test_what_the_server_refuses_is_told_by_its_option(shell):
    await shell.put(kinds.VPS, a_vps())
    code, _, err = await shell("vps snapshot dev --name Bad_Name")
    assert code == 1 and err.startswith('error: --name: Invalid value: "Bad_Name": a name holds lower case')


async def test_what_is_not_in_it_and_what_went_wrong_beside_it_is_told(shell):
    await shell.put(kinds.VPS, a_vps())
    waiting = asyncio.create_task(shell("vps snapshot dev --name s"))
    found = await made(shell, "s")
    before = {"exitCode": 1, "message": "could not connect to server"}
    await is_ready(
        shell,
        found,
        message="not in it: sockets",
        pausedMilliseconds=0,
        leftOut=["/run/a.sock", "/run/b.sock"],
        before=before,
        after={"exitCode": 0},
    )
    assert await waiting == (
        0,
        "snapshot/s created\n",
        "ready: 240Mi on n1, without a pause\n"
        "not in it: sockets (/run/a.sock, /run/b.sock)\n"
        "warning: the hook before it failed with exit code 1: could not connect to server\n",
    )


async def test_what_its_node_could_not_do_is_told(shell):
    await shell.put(kinds.VPS, a_vps())
    waiting = asyncio.create_task(shell("vps snapshot dev --name s"))
    why = "it needs 3Gi, and 1.2Gi are free"
    await says(shell, kinds.SNAPSHOT, await made(shell, "s"), phase="Failed", message=why)
    assert await waiting == (
        1,
        "snapshot/s created\n",
        "error: snapshot/s: it needs 3Gi, and 1.2Gi are free\n"
        "hint: delete it, then try again: kohakuriver delete snapshot s\n",
    )


async def test_a_wait_that_is_over_undoes_nothing(shell):
    await shell.put(kinds.VPS, a_vps())
    assert await shell("vps snapshot dev --name s --timeout 200ms") == (
        124,
        "snapshot/s created\n",
        "error: snapshot/s is not ready after 200ms: waiting for n1\n"
        "hint: it goes on; see how: kohakuriver vps snapshots dev\n",
    )
    assert (await shell("get snapshot s"))[0] == 0


async def test_a_vps_without_a_node_has_no_files(shell):
    await shell.put(kinds.VPS, a_vps(node="", phase="pending"))
    assert await shell("vps snapshot dev") == (
        2,
        "",
        "error: vps/dev is on no node, so there are no files to take\n"
        "hint: see why: kohakuriver vps status dev\n",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vps snapshot", "which VPS is meant? an ID is missing"),
        ("vps snapshot dev a b", 'one snapshot has one name: "a" or "b"?'),
        ("vps snapshot dev --keep-for soon", 'invalid --keep-for "soon": write a duration such as 12h or 7d'),
        ("vps snapshot dev --keep-for 0", 'invalid --keep-for "0": write a duration such as 12h or 7d'),
        ("vps snapshot dev@", 'invalid snapshot "dev@": write it as VPS@SNAPSHOT, or SNAPSHOT alone'),
        ("vps snapshot create dev", "the command is: kohakuriver vps snapshot dev"),
        ("vps snapshot create dev snap0", "the command is: kohakuriver vps snapshot dev --name snap0"),
        ("vps snapshot list dev", "the command is: kohakuriver vps snapshots dev"),
        ("vps snapshot restore dev snap0", "the command is: kohakuriver vps restore dev snap0"),
        ("vps snapshot delete dev snap0", "the command is: kohakuriver delete snapshot snap0"),
        ("vps snapshots delete snap0", "the command is: kohakuriver delete snapshot snap0"),
        ("vps snapshots dev -A", "names and -A do not go together"),
        ("vps snapshots -w -o yaml", "-w shows a table, and -o yaml whole objects"),
    ],
)
async def test_what_cannot_be_meant_is_told(shell, line, message):
    code, out, err = await shell(line)
    assert (code, out) == (2, "") and err.splitlines()[0] == f"error: {message}"


async def test_snapshots_are_listed_with_their_vps_and_their_end(shell):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot("dev-b", taken="2026-01-02T12:00:00Z"))
    await shell.put(kinds.SNAPSHOT, a_snapshot("dev-a", keep_for="87600000h", pausedMilliseconds=12_340))
    failed = a_snapshot("old-x", vps="old", phase="Failed", message="no room", cause="Schedule")
    await shell.put(kinds.SNAPSHOT, failed)
    code, out, err = await shell("vps snapshots")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["NAME", "VPS", "STATUS", "SIZE", "PAUSED", "AGE", "EXPIRES", "CAUSE"]
    assert [row[:3] for row in rows[1:]] == [
        ["dev-a", "dev", "Ready"],
        ["old-x", "old", "Failed"],
        ["dev-b", "dev", "Ready"],
    ]
    assert "12.3 s" in out and re.search(r" \d{4}y +Manual$", out.splitlines()[1])
    assert (code, err) == (0, "warning: old-x: no room\n")
    shown = (await shell("vps snapshots dev --no-headers"))[1].splitlines()
    assert [line.split()[0] for line in shown] == ["dev-a", "dev-b"]
    assert (await shell("vps snapshots old -o name")) == (0, "snapshot/old-x\n", "")
    wide = (await shell("vps snapshots old -o wide"))[1].splitlines()
    assert wide[0].split()[-2:] == ["NODE", "MESSAGE"] and wide[1].endswith("n1     no room")
    assert (await shell("vps snapshots -A"))[1].splitlines()[1].split()[:2] == ["default", "dev-a"]


async def test_where_there_are_none_it_is_said_how_one_is_taken(shell):
    assert await shell("vps snapshots") == (
        0,
        "",
        "no snapshots in namespace default; take one: kohakuriver vps snapshot ID\n",
    )
    await shell.put(kinds.VPS, a_vps())
    assert await shell("vps snapshots dev") == (
        0,
        "",
        "no snapshots of vps/dev; take one: kohakuriver vps snapshot dev\n",
    )
    code, _, err = await shell("vps snapshots dve")
    assert code == 1 and err.startswith(
        'error: there is no VPS "dve" in namespace default; did you mean "dev"?'
    )
