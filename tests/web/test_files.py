"""The files of a VPS in the browser: looked at, edited, moved in and out, and never lost to somebody else."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from tests.e2e.conftest import Cluster, a_manifest
from tests.web.conftest import NARROW, Visitor, admin_token, broken_rules, new_token, overflows

expect.set_options(timeout=30_000)  # as the harness waits elsewhere
MANY = 10_000
# Each as a shell writes it, and as the page shows it.
HOSTILE = {
    r"<img src=x onerror=window.isHit=1>": "<img src=x onerror=window.isHit=1>",
    r"two\nlines": r"two\nlines",
    r"photo\342\200\256gpj.exe": r"photo\u202egpj.exe",
    r"no\342\200\213width": r"no\u200bwidth",
    r"\377latin": r"\xfflatin",
}


@pytest.fixture(scope="module")
def vps(cluster: Cluster) -> Iterator["Shell"]:
    cluster.apply(a_manifest("lab"))
    cluster.wait_running("lab")
    shell = Shell(cluster)
    shell.run("rm -rf /srv; mkdir /srv")
    yield shell


class Shell:
    """Somebody else in the same VPS."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def run(self, command: str) -> bytes:
        code, out, errors = self.cluster.run_bytes("exec", "lab", "--", "sh", "-c", command)
        assert code == 0, errors.decode()
        return out

    def write(self, path: str, text: str) -> None:
        """With another time than what was there, whatever the clock's steps."""
        self.run(f"mkdir -p $(dirname {path}); printf '{text}' >{path}.new && mv {path}.new {path}")


def opened(visitor: Visitor, *, at: str, file: str = "") -> Page:
    page = visitor.goto(f"/vps/default/lab/files?at={at}" + (f"&open={file}" if file else ""))
    (page.locator(".cm-content") if file else page.get_by_role("grid")).first.wait_for()
    return page


def entry(page: Page, name: str) -> Locator:
    """The row of that name."""
    named = page.locator(".files-cell-name .files-name").get_by_text(name, exact=True)
    return page.get_by_role("grid").get_by_role("row").filter(has=named)


def state(page: Page, words: str) -> None:
    """Waits until the editor says so of its file."""
    expect(page.locator(".files-state")).to_have_text(words)


def test_a_file_is_edited_and_what_somebody_else_wrote_is_never_written_over(
    visit: Callable[..., Visitor], cluster: Cluster, vps: Shell
) -> None:
    vps.write("/srv/a.yaml", r"\357\273\277a: 1\r\nb: 2\r\n")
    visitor = visit(color_scheme="dark")
    visitor.log_in(admin_token(cluster))
    page = opened(visitor, at="/srv")
    expect(entry(page, "a.yaml")).to_be_visible()
    page.get_by_role("grid").focus()
    page.keyboard.type("a.y")
    page.keyboard.press("Enter")
    text = page.locator(".cm-content")
    expect(text).to_be_focused()
    expect(page.locator(".files-foot")).to_contain_text("YAML")
    expect(page.locator(".files-foot")).to_contain_text("CRLF")
    page.keyboard.type("c: 3\n")
    state(page, "not saved")
    assert broken_rules(page) == []
    page.keyboard.press("Control+s")
    state(page, "saved")
    assert vps.run("cat /srv/a.yaml") == b"\xef\xbb\xbfc: 3\r\na: 1\r\nb: 2\r\n"

    page.keyboard.type("mine: 1\n")
    vps.write("/srv/a.yaml", r"theirs: 1\n")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert").filter(has_text="so it was not written over")).to_be_visible()
    assert vps.run("cat /srv/a.yaml") == b"theirs: 1\n"
    assert broken_rules(page) == []
    page.get_by_role("textbox", name="Mine, to be edited").press_sequentially("both: 1\n")
    page.get_by_role("button", name="Save the right side").click()
    state(page, "saved")
    saved = vps.run("cat /srv/a.yaml").decode("utf-8-sig").splitlines()
    assert {"both: 1", "mine: 1", "c: 3"} <= set(saved)

    vps.write("/srv/a.yaml", r"later: 1\n")
    page.evaluate("dispatchEvent(new Event('focus'))")  # as when one comes back to this tab of the browser
    page.get_by_role("button", name="Read it again").click()
    expect(text).to_contain_text("later: 1")
    vps.run("rm /srv/a.yaml")
    text.press_sequentially("mine: 2 ")
    page.keyboard.press("Control+s")
    page.get_by_role("button", name="Make it again with this text").click()
    state(page, "saved")
    assert b"mine: 2" in vps.run("cat /srv/a.yaml")


def test_a_large_file_goes_both_ways_unchanged_and_is_deleted(
    page: Page, visitor: Visitor, vps: Shell, tmp_path: Path
) -> None:
    vps.run("mkdir -p /srv/moved")
    content, other = os.urandom(20_000_000), os.urandom(1000)
    local = tmp_path / "large.bin"
    local.write_bytes(content)
    opened(visitor, at="/srv/moved")
    page.get_by_label("Files to upload").set_input_files(local)
    expect(page.get_by_role("status").get_by_text("uploaded large.bin")).to_be_visible()
    digest = hashlib.sha256(content).hexdigest()
    assert vps.run("sha256sum </srv/moved/large.bin").split()[0].decode() == digest
    entry(page, "large.bin").get_by_role("checkbox").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "large.bin"
    assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == digest

    local.write_bytes(other)
    for answer, expected in (("Leave it", 20_000_000), ("Replace", 1000)):
        page.get_by_label("Files to upload").set_input_files(local)
        page.get_by_role("dialog").get_by_role("button", name=answer).click()
        expect(page.get_by_role("region", name="Transfers")).to_have_count(0)
        assert int(vps.run("wc -c </srv/moved/large.bin")) == expected

    page.get_by_role("button", name="New").click()
    page.get_by_role("menuitem", name="Folder").click()
    page.get_by_label("Name", exact=True).fill("deep")
    page.get_by_role("button", name="Make the folder").click()
    expect(entry(page, "deep")).to_be_visible()
    vps.run("touch /srv/moved/deep/inside")
    grid = page.get_by_role("grid")
    expect(grid).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog", name="Delete 2 items?")
    expect(dialog).to_contain_text("deep with all that is in it")
    dialog.get_by_role("button", name="Delete 2 items").click()
    expect(page.get_by_text("This folder is empty.")).to_be_visible()
    assert vps.run("ls -A /srv/moved") == b""


def test_names_are_shown_as_what_they_are_and_of_a_great_many_only_what_is_seen_is_drawn(
    visit: Callable[..., Visitor], cluster: Cluster, vps: Shell
) -> None:
    names = " ".join(f"\"$(printf '{name}')\"" for name in HOSTILE)
    made = f"mkdir -p /srv/names /srv/many; cd /srv/names; touch -- {names}; cd ../many"
    vps.run(f"{made}; seq 1 {MANY} | sed 's/^/file-/' | xargs touch")
    visitor = visit(viewport=NARROW)
    visitor.log_in(admin_token(cluster))
    page = opened(visitor, at="/srv/names")
    for name in HOSTILE.values():
        expect(entry(page, name)).to_be_visible()
    assert broken_rules(page) == [] and not overflows(page)
    entry(page, r"two\nlines").locator(".files-link").click()
    page.locator(".cm-content").press_sequentially("one")
    page.keyboard.press("Control+s")
    state(page, "saved")
    page.get_by_role("button", name="Folder", exact=True).click()
    entry(page, r"\xfflatin").get_by_role("checkbox").check()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("plain")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(entry(page, "plain")).to_be_visible()
    assert vps.run("cd /srv/names; cat \"$(printf 'two\\nlines')\" plain") == b"one"
    assert page.evaluate("window.isHit") is None

    page.keyboard.press("Backspace")
    expect(page.locator(".files-here")).to_contain_text("names")
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    grid = page.get_by_role("grid", name="Files in /srv/many")
    expect(grid).to_have_attribute("aria-rowcount", str(MANY + 1))
    expect(entry(page, "file-1")).to_be_visible()
    assert grid.get_by_role("row").count() < 80
    grid.focus()
    page.keyboard.press("End")
    expect(entry(page, f"file-{MANY}")).to_be_visible()
    assert grid.get_by_role("row").count() < 80
    page.keyboard.press("Control+p")
    page.get_by_role("combobox").fill("file-777")
    expect(page.get_by_role("option").first).to_have_text(re.compile("^file-777"))
    assert broken_rules(page) == []
    page.keyboard.press("Escape")
    page.go_back()
    expect(page.get_by_role("grid", name="Files in /srv", exact=True)).to_be_visible()


def test_unsaved_text_outlives_a_reload_and_a_stop_and_whoever_may_not_look_reads_why(
    visit: Callable[..., Visitor], visitor: Visitor, page: Page, cluster: Cluster, vps: Shell
) -> None:
    cluster.ok("vps", "start", "lab")  # where the test is run again, it may have been stopped before
    cluster.wait_running("lab")
    vps.write("/srv/kept.txt", r"old\n")
    opened(visitor, at="/srv", file="/srv/kept.txt")
    page.locator(".cm-content").press_sequentially("mine ")
    state(page, "not saved")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.once("dialog", leave)
    visitor.reload(drawn=".cm-content")
    expect(page.locator(".cm-content")).to_contain_text("mine old")
    state(page, "not saved")
    assert asked == ["beforeunload"]
    page.get_by_role("link", name="Cluster").click()
    page.go_back()
    state(page, "not saved")

    cluster.ok("vps", "stop", "lab")
    cluster.ok("wait", "vps/lab", "--for=jsonpath={.status.phase}=stopped", "--timeout", "60s")
    page.get_by_role("link", name="Cluster").click()
    page.go_back()
    state(page, "not saved")  # who comes back now is told nothing of the folder, and finds the text
    page.get_by_role("button", name="Save", exact=True).click()
    refusal = page.get_by_role("alert").filter(has_text="lab is stopped")
    expect(refusal).to_contain_text("kohakuriver vps start lab")
    state(page, "not saved")
    cluster.ok("vps", "start", "lab")
    cluster.wait_running("lab")
    page.get_by_role("button", name="Save", exact=True).click()
    state(page, "saved")
    assert vps.run("cat /srv/kept.txt") == b"mine old\n"

    page.get_by_role("link", name="VPSes").first.click()
    viewer = visit()
    viewer.log_in(new_token(cluster, "--user", "eve", "--role", "viewer"))
    shown = viewer.goto("/vps/default/lab/files")
    expect(shown.get_by_role("alert").filter(has_text="you may not open it")).to_be_visible()
    expect(shown.get_by_role("grid")).to_have_count(0)
