"""One VPS in the browser: how it stands and why, its parts, its YAML, and what is seen when it goes."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Cluster, a_manifest, eventually
from tests.web.conftest import NARROW, WIDE, Visitor, broken_rules, new_token, overflows

HOSTILE = "<img src=x onerror=alert(1)>"
SPEAKING = f"""\
  env: {{GREETING: "{HOSTILE}"}}
  volumes: [{{name: home, target: /root}}]
  command: [sh, -c, "printf '\\\\033[31mred\\\\033[0m {HOSTILE}\\\\n'; exec sleep 100000"]
"""


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")


def lives_well(page: Page) -> None:
    """In light and dark, wide and narrow, for everybody."""
    for scheme, size in (("light", WIDE), ("dark", NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        assert broken_rules(page) == [], (scheme, page.url)
        assert not overflows(page), (scheme, page.url)
    page.set_viewport_size(WIDE)


def type_over(page: Page, line: str, old: str, new: str) -> None:
    """In the editor: the end of a line, written anew."""
    page.locator(".cm-line", has_text=line).click()
    page.keyboard.press("End")
    for _ in old:
        page.keyboard.press("Backspace")
    page.keyboard.type(new)


def rows(page: Page, label: str) -> Locator:
    return page.get_by_role("group", name=label)


def test_its_parts_are_behind_tabs_and_come_alive(cluster: Cluster, visitor: Visitor) -> None:
    cluster.apply(a_manifest("dev", more=SPEAKING))
    page = visitor.goto("/vps/default/dev/overview")
    expect(page.get_by_role("heading", name="dev", level=1)).to_be_visible()
    expect(page.locator(".vps-title").get_by_text("running")).to_be_visible()
    expect(page.get_by_role("row", name="Volumes").get_by_text("home at /root")).to_be_visible()
    expect(page.get_by_role("cell", name=f"GREETING={HOSTILE}")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Scheduled assigned to"))).to_be_visible()
    expect(page.get_by_role("meter", name="memory in use")).to_be_visible()
    expect(page.locator(".vps-curve canvas")).to_have_count(2)
    lives_well(page)

    # The keyboard goes from tab to tab, each of which is a place of its own.
    page.get_by_role("tab", name="Overview").focus()
    page.keyboard.press("End")
    expect(page).to_have_url(re.compile("/vps/default/dev/yaml$"))
    expect(page.get_by_role("tab", name="YAML")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Logs")).to_have_attribute("aria-selected", "true")

    log = page.get_by_role("region", name="Log")
    expect(log.get_by_text(HOSTILE)).to_be_visible()
    expect(log.locator(".vps-ansi-red")).to_have_text("red")
    cluster.ok("exec", "dev", "--", "sh", "-c", "for i in 1 2 3; do echo later $i > /proc/1/fd/1; done")
    expect(log.get_by_text("later 3")).to_be_visible()
    page.get_by_label("Only lines with").fill("LATER 2")
    expect(page.get_by_text("1 of 4 lines")).to_be_visible()
    expect(log.locator("mark")).to_have_text("later 2")
    page.get_by_label("Times").check()
    expect(log.locator("time")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert "later 2" in download.value.path().read_text()
    lives_well(page)

    open_tab(page, "Ports")
    page.get_by_label("Port in the VPS").fill("5432")
    page.get_by_label("Port on your machine").fill("6543")
    expect(page.get_by_text("kohakuriver forward dev 6543:5432", exact=True)).to_be_visible()
    expect(page.get_by_text("dev:5432 is at 127.0.0.1:6543", exact=True)).to_be_visible()
    page.get_by_label("Port in the VPS").fill("70000")
    expect(page.get_by_text("A port is a number from 1 to 65535.")).to_be_visible()
    lives_well(page)
    assert page.locator("img").count() == 0


def test_its_yaml_is_checked_saved_and_never_written_over_what_others_changed(
    cluster: Cluster, visitor: Visitor
) -> None:
    cluster.apply(a_manifest("edited"))
    cluster.wait_running("edited")
    page = visitor.goto("/vps/default/edited/yaml")
    expect(page.get_by_role("textbox", name="edited as YAML")).to_be_visible()
    lives_well(page)

    type_over(page, "memory: 64Mi", "64Mi", "lots")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".yaml-problems")).to_contain_text("spec.resources.memory")
    expect(page.locator(".cm-wrong")).to_contain_text("memory: lots")

    type_over(page, "memory: lots", "lots", "96Mi")
    page.get_by_role("button", name="Check").click()
    changes = rows(page, "What would change")
    expect(changes.locator(".yaml-less")).to_contain_text("memory: 64Mi")
    expect(changes.locator(".yaml-more")).to_contain_text("memory: 96Mi")
    assert cluster.get("edited")["spec"]["resources"]["memory"] == "64Mi"
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".vps-title")).to_contain_text("96Mi")
    assert cluster.get("edited")["spec"]["resources"]["memory"] == "96Mi"

    # What no reader of YAML takes is told at once, and nothing is sent.
    type_over(page, "memory: 96Mi", "96Mi", "[")
    expect(page.locator(".yaml-problems")).to_contain_text("line ")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    type_over(page, "memory: [", "[", "80Mi")

    patch = '{"spec": {"resources": {"cores": 0.2}}}'
    cluster.ok("patch", "vps", "edited", "-p", patch)
    expect(rows(page, "What somebody else changed").locator(".yaml-more")).to_contain_text("cores: 0.2")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.get_by_role("button", name="Put my changes on the newest").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".vps-title")).to_contain_text("80Mi")
    kept = cluster.get("edited")["spec"]["resources"]
    assert (kept["memory"], str(kept["cores"])) in (("80Mi", "0.2"), ("80Mi", "200m"))


def test_why_it_does_not_run_is_said_and_its_end_is_seen(cluster: Cluster, visitor: Visitor) -> None:
    cluster.apply(a_manifest("huge", memory="900Gi"))
    page = visitor.goto("/vps/default/huge/overview")
    sentence = re.compile("0 of 1 nodes fit: 1 short of memory")
    expect(page.locator(".vps-why")).to_have_text(sentence)
    expect(page.get_by_role("row", name=re.compile("Warning: FailedScheduling"))).to_contain_text(sentence)
    open_tab(page, "Logs")
    expect(page.get_by_role("alert").get_by_text("huge is not running")).to_be_visible()
    cluster.ok("delete", "vps/huge")
    expect(page.get_by_text(re.compile(r"huge was deleted \d+s ago"))).to_be_visible()
    lives_well(page)
    page = visitor.goto("/vps/default/nobody")
    expect(page.get_by_text('There is no VPS "nobody" in namespace default.')).to_be_visible()


def test_it_is_stopped_started_and_deleted_by_its_buttons(cluster: Cluster, visitor: Visitor) -> None:
    cluster.apply(a_manifest("worked", more="  stopGracePeriod: 0s\n"))
    page = visitor.goto("/vps/default/worked/overview")
    title = page.locator(".vps-title")
    expect(title.get_by_text("running")).to_be_visible()
    title.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop worked").click()
    expect(title.get_by_text("stopped")).to_be_visible()
    title.get_by_role("button", name="Start").click()
    expect(title.get_by_text("running")).to_be_visible()
    title.get_by_role("button", name="More for worked").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete worked").click()
    expect(page.get_by_text(re.compile("worked was deleted"))).to_be_visible()
    assert eventually(lambda: cluster.cli("get", "vps", "worked").code == 1)


def test_a_viewer_looks_and_changes_nothing(cluster: Cluster, visit: Callable[..., Visitor]) -> None:
    cluster.apply(a_manifest("seen"))
    one = visit()
    one.log_in(new_token(cluster, "--user", "vera", "--role", "viewer"))
    page = one.goto("/vps/default/seen/yaml")
    expect(page.get_by_label("seen as YAML")).to_have_attribute("contenteditable", "false")
    assert page.get_by_role("tab").all_inner_texts() == ["Overview", "Ports", "Snapshots", "YAML"]
    for name in ("Stop", "Save", "More for seen"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    open_tab(page, "Snapshots")
    expect(page.get_by_text("There are none yet.")).to_be_visible()
    assert page.get_by_role("tabpanel").get_by_role("button").count() == 0
    page = one.goto("/create")
    expect(page.get_by_text("You may look at VPSes, and not create them")).to_be_visible()
