"""`vps create` from a Snapshot, and with a schedule of them, against the real API server."""

import pytest

from kohakuriver.resources import kinds
from tests.cli.snapshots.kit import a_snapshot

S = "dev-20260101-120000"


async def created(shell, options):
    """What is told, and the spec of the VPS that was made."""
    code, out, err = await shell(f"vps create new --no-ssh-key --no-wait {options}")
    assert (code, out) == (0, "vps/new created\n"), err
    return err, (await shell.get(kinds.VPS, "new"))["spec"]


async def test_a_vps_begins_from_a_snapshot_with_its_volumes(shell):
    await shell.put(kinds.SNAPSHOT, a_snapshot(volumes=("home", "data")))
    told, spec = await created(shell, f"--from-snapshot {S}")
    assert "with the volumes of the snapshot: home at /home, data at /data\n" in told
    assert spec["filesFrom"] == {"snapshot": S}
    assert [(one["name"], one["target"]) for one in spec["volumes"]] == [("home", "/home"), ("data", "/data")]


async def test_a_volume_that_is_asked_for_takes_the_place_of_the_one_in_it(shell):
    await shell.put(kinds.SNAPSHOT, a_snapshot(volumes=("home", "data")))
    _, spec = await created(shell, f"--from-snapshot {S} --volume mine:/data --volume home:/root")
    assert [(one["name"], one["target"]) for one in spec["volumes"]] == [("mine", "/data"), ("home", "/root")]


async def test_a_schedule_is_declared(shell):
    _, spec = await created(shell, "--snapshot-schedule '0 3 * * *' --snapshot-keep 3")
    assert (spec["snapshots"]["schedule"], spec["snapshots"]["keepLast"]) == ("0 3 * * *", 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (f"--from-snapshot {S} --image debian:12", "--from-snapshot and --image do not go together"),
        (f"--from-snapshot {S} --container x", "--from-snapshot and --container do not go together"),
        (
            f"--from-snapshot {S} -t n2",
            f"snapshot/{S} lies on node n1, and a VPS that begins from it runs there",
        ),
        ("--from-snapshot nope", 'there is no snapshot "nope" in namespace default'),
        ("--from-snapshot late", "snapshot/late cannot be used: its node n1 has not begun to take it"),
        (
            "--snapshot-keep 3",
            "--snapshot-keep says how many scheduled snapshots stay, and none are scheduled",
        ),
        (
            "--snapshot-schedule @daily --snapshot-keep 0",
            'invalid --snapshot-keep "0": use a number from 1 to 100',
        ),
        ("--snapshot-schedule '0 3 *'", '--snapshot-schedule: invalid schedule "0 3 *": use five fields'),
    ],
)
async def test_what_cannot_be_is_told_and_nothing_is_made(shell, options, message):
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    await shell.put(kinds.SNAPSHOT, a_snapshot("late", phase=""))
    code, out, err = await shell(f"vps create new --no-ssh-key --no-wait {options}")
    assert code in (1, 2) and out == "" and err.splitlines()[0].startswith(f"error: {message}"), err
    assert (await shell("get vps new"))[0] == 1
