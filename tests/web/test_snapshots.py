"""The snapshots of a VPS in the browser: taken, seen to be ready, by schedule, and gone again."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Cluster, a_manifest
from tests.web.conftest import NARROW, WIDE, Visitor, broken_rules, overflows

expect.set_options(timeout=60_000)  # a container is paused, committed and goes on, on a machine that is busy
HOOKED = "  snapshots: {hooks: {before: ['false']}}\n"


def shot(page: Page, name: str) -> Locator:
    """What is said of it in the table."""
    table = page.get_by_role("table", name="Snapshots")
    return table.locator("tbody").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def lives_well(page: Page) -> None:
    """In light and dark, wide and narrow, for everybody."""
    for scheme, size in (("light", WIDE), ("dark", NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        assert broken_rules(page) == [], (scheme, page.url)
        assert not overflows(page), (scheme, page.url)
    page.set_viewport_size(WIDE)


def take(page: Page, name: str, *, of: str = "dev") -> None:
    page.get_by_role("button", name="Take a snapshot").click()
    asked = page.get_by_role("dialog", name=f"Take a snapshot of {of}")
    asked.get_by_label("Name").fill(name)
    asked.get_by_label("Keep it for").fill("7d")
    asked.get_by_role("button", name="Take it").click()
    expect(asked).to_have_count(0)


def test_a_snapshot_is_taken_seen_and_deleted(cluster: Cluster, visitor: Visitor) -> None:
    cluster.apply(a_manifest("dev", more=HOOKED))
    cluster.wait_running("dev")
    page = visitor.goto("/vps/default/dev/snapshots")
    expect(page.get_by_text("There are none yet.")).to_be_visible()
    take(page, "before")
    expect(shot(page, "before")).to_contain_text("Ready")
    expect(shot(page, "before")).to_contain_text(re.compile(r"in 6d|in 7d"))
    expect(shot(page, "before")).to_contain_text("the hook before it failed with exit code 1")
    expect(page.get_by_role("table", name="Events")).to_contain_text("SnapshotHookFailed")
    lives_well(page)

    page.get_by_role("button", name="Take a snapshot").click()
    asked = page.get_by_role("dialog", name="Take a snapshot of dev")
    asked.get_by_label("Name").fill("before")
    asked.get_by_role("button", name="Take it").click()
    expect(asked.get_by_role("alert")).to_contain_text("already")
    lives_well(page)
    page.keyboard.press("Escape")

    shot(page, "before").get_by_role("button", name="Restore from before").click()
    asked = page.get_by_role("dialog", name="Restore dev from before?")
    expect(asked).to_contain_text("What is there now is kept for 7d, as the snapshot dev-before-1.")
    asked.get_by_label("Keep what is there now").uncheck()
    expect(asked).to_contain_text("What is there now is given up for good.")
    lives_well(page)
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)

    page.get_by_role("button", name="Actions on before").click()
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("dialog", name="Delete before?").get_by_role("button", name="Delete before").click()
    expect(page.get_by_text("There are none yet.")).to_be_visible()
    assert cluster.cli("get", "snapshot", "before").code != 0


def test_a_schedule_is_set_with_its_next_time_and_taken_back(cluster: Cluster, visitor: Visitor) -> None:
    cluster.apply(a_manifest("planned", more="  runState: Stopped\n" + HOOKED))
    page = visitor.goto("/vps/default/planned/snapshots")
    expect(page.get_by_text("None are taken by themselves.")).to_be_visible()
    page.get_by_role("button", name="Change the schedule").click()
    asked = page.get_by_role("dialog", name="When snapshots of planned are taken")
    asked.get_by_label("Schedule").fill("every night")
    asked.get_by_role("button", name="Save").click()
    expect(asked.get_by_role("alert")).to_contain_text('invalid schedule "every night"')
    asked.get_by_label("Schedule").fill("0 3 29 2 *")
    asked.get_by_label("Time zone").fill("Europe/Berlin")
    asked.get_by_label("How many stay").fill("3")
    expect(asked.get_by_role("status")).to_contain_text("-02-29 02:00:00 UTC")
    lives_well(page)
    asked.get_by_role("button", name="Save").click()
    expect(asked).to_have_count(0)
    expect(page.get_by_text("Kept: the last 3.")).to_contain_text("-02-29 02:00:00 UTC")
    plan = {"schedule": "0 3 29 2 *", "timeZone": "Europe/Berlin", "keepLast": 3}
    declared = cluster.get("planned")["spec"]["snapshots"]
    assert plan.items() <= declared.items()
    assert declared["hooks"]["before"] == ["false"]

    page.get_by_role("button", name="Change the schedule").click()
    asked.get_by_label("Schedule").fill("")
    asked.get_by_role("button", name="Save").click()
    expect(page.get_by_text("None are taken by themselves.")).to_be_visible()
    assert "schedule" not in cluster.get("planned")["spec"]["snapshots"]


def test_files_come_back_and_a_copy_has_them(cluster: Cluster, visitor: Visitor) -> None:
    cluster.apply(a_manifest("work"))
    cluster.wait_running("work")
    note = ("exec", "work", "--", "sh", "-c")
    cluster.ok(*note, "echo old >/root/notes")
    page = visitor.goto("/vps/default/work/snapshots")
    take(page, "good", of="work")
    expect(shot(page, "good")).to_contain_text("Ready")
    cluster.ok(*note, "echo new >/root/notes")

    shot(page, "good").get_by_role("button", name="Restore from good").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore work").click()
    expect(shot(page, "work-before-1")).to_contain_text("Ready")
    expect(shot(page, "work-before-1")).to_contain_text("Replaced")
    cluster.ok("wait", "vps/work", "--for=jsonpath={.status.observed.replaceFiles}=1", "--timeout", "60s")
    cluster.wait_running("work")
    assert cluster.ok("exec", "work", "--", "cat", "/root/notes") == "old\n"

    page.get_by_role("button", name="Actions on work-before-1").click()
    page.get_by_role("menuitem", name="Fork…").click()
    asked = page.get_by_role("dialog", name="Fork work")
    asked.get_by_label("Names").fill("work")
    asked.get_by_role("button", name="Make it").click()
    expect(asked.get_by_role("alert")).to_contain_text("there is already a VPS work")
    asked.get_by_label("Names").fill("copy")
    lives_well(page)
    asked.get_by_role("button", name="Make it").click()
    expect(asked).to_have_count(0)
    cluster.wait_running("copy")
    assert cluster.ok("exec", "copy", "--", "cat", "/root/notes") == "new\n"
