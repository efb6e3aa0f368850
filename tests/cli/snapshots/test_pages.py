"""What other commands say of snapshots: `describe`, `vps delete`, `get`, `explain`."""

import datetime

from kohakuriver.cli.kubectl import describe
from kohakuriver.cli.view import snapshots
from kohakuriver.resources import kinds
from tests.cli.snapshots.kit import a_snapshot
from tests.cli.vps.objects import a_vps

NOW = datetime.datetime(2026, 1, 1, 13, 0, tzinfo=datetime.UTC)


def part(lines: list[str], title: str) -> list[str]:
    """The lines below a title."""
    found = lines[lines.index(title) + 1 :]
    return found[: next((at for at, line in enumerate(found) if not line.startswith(" ")), len(found))]


def test_a_vps_is_described_with_its_snapshots_and_when_the_next_is_due():
    plan = {"schedule": "0 3 * * *", "timeZone": "Europe/Berlin", "keepLast": 3}
    kept = [
        a_snapshot("dev-b", keep_for="7d"),
        a_snapshot("dev-a", phase="Failed", message="no room", size=0),
    ]
    lines = describe.page(a_vps(snapshots=plan), kinds.VPS, [], NOW, kept=kept)
    assert part(lines, "Snapshots:") == [
        '  Schedule:  "0 3 * * *" (Europe/Berlin), kept: the last 3',
        "  Next:      2026-01-02 02:00:00 UTC (in 13h)",
        "  NAME    STATUS   SIZE    AGE   EXPIRES   CAUSE    MESSAGE",
        "  dev-b   Ready    240Mi   60m   6d23h     Manual",
        "  dev-a   Failed   -       60m   -         Manual   no room",
    ]


def test_only_the_newest_are_described():
    kept = [a_snapshot(f"dev-{number}") for number in range(7)]
    lines = part(describe.page(a_vps(), kinds.VPS, [], NOW, kept=kept), "Snapshots:")
    assert lines[-1] == "  and 2 more: kohakuriver vps snapshots dev" and len(lines) == 7


def test_a_vps_without_any_is_described_without_them():
    assert "Snapshots:" not in describe.page(a_vps(), kinds.VPS, [], NOW)


def test_what_is_kept_of_a_plan_is_said():
    for plan, words in (
        ({"schedule": "@daily"}, '"@daily" (UTC), kept: the last 7'),
        ({"schedule": "@daily", "keepFor": "30d"}, '"@daily" (UTC), kept: those of the last 30d'),
        (
            {"schedule": "@daily", "keepLast": 2, "keepFor": "30d"},
            '"@daily" (UTC), kept: the last 2 and those of the last 30d',
        ),
        ({"hooks": {"before": ["sync"]}}, ""),
    ):
        assert snapshots.plan(a_vps(snapshots=plan)) == words


def test_a_snapshot_is_described_with_what_is_not_in_it():
    body = a_snapshot(keep_for="7d", leftOut=["/run/a.sock"], before={"exitCode": 2})
    lines = describe.page(body, kinds.SNAPSHOT, [], NOW)
    assert lines[2:11] == [
        "Status:     Ready",
        "VPS:        dev",
        "Node:       n1",
        "Taken:      2026-01-01 12:00:00 UTC (60m ago)",
        "Expires:    in 6d23h",
        "Size:       240Mi",
        "Paused:     812 ms",
        "Not in it:  /run/a.sock",
        "Failed:     the hook before it failed with exit code 2",
    ]


async def test_who_deletes_a_vps_is_told_what_stays_of_it(shell):
    for name in ("dev", "test", "web"):
        await shell.put(kinds.VPS, a_vps(name, node="", phase="pending"))
    for name, vps in (("a", "dev"), ("b", "dev"), ("c", "test")):
        await shell.put(kinds.SNAPSHOT, a_snapshot(name, vps=vps))
    assert await shell("vps delete dev test web") == (
        0,
        "vps/dev deleted\nvps/test deleted\nvps/web deleted\n",
        "vps/dev: 2 snapshots of it stay: kohakuriver vps snapshots dev\n"
        "vps/test: 1 snapshot of it stays: kohakuriver vps snapshots test\n",
    )
    shown = (await shell("vps snapshots dev --no-headers"))[1]
    assert [line.split()[0] for line in shown.splitlines()] == ["a", "b"]


async def test_the_commands_for_every_kind_know_them(shell):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    shown = (await shell("get snap"))[1].splitlines()
    assert shown[1].split()[:3] == ["dev-20260101-120000", "dev", "Ready"]
    assert "dev-20260101-120000" in (await shell("describe vps dev"))[1]
    assert "when somebody deletes" in (await shell("describe snapshot dev-20260101-120000"))[1]
    assert "How long it stays after it was taken" in (await shell("explain snapshot.spec.keepFor"))[1]
    assert "before" in (await shell("explain vps.spec.snapshots.hooks"))[1]
