"""A new VPS from the browser: form, YAML and command say the same, and the server says its word first."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import BUSYBOX, Cluster, a_manifest
from tests.web.conftest import NARROW, WIDE, Visitor, broken_rules, overflows

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbJVVvhVfm1NVXmJXuLDnBr8jDkdcBvgqjJ3FrFqeUG me@here"


def yaml_of(page: Page) -> str:
    return "\n".join(page.locator(".cm-line").all_inner_texts())


def command(page: Page) -> str:
    return page.get_by_label("The command", exact=True).inner_text()


def test_a_vps_is_made_by_the_form_and_runs_without_reloading(cluster: Cluster, visitor: Visitor) -> None:
    page = visitor.goto("/create")
    expect(page.get_by_label("Name", exact=True)).to_have_value(re.compile("^vps-[a-z0-9]{5}$"))
    page.get_by_label("Name", exact=True).fill("lab")
    page.get_by_label("Cores", exact=True).fill("0.1")
    page.get_by_label("Memory", exact=True).fill("64Mi")
    page.get_by_label("An image, by its name").check()
    page.get_by_label("Image", exact=True).fill(BUSYBOX)
    page.get_by_label("Public keys, one a line", exact=True).fill(KEY)
    page.get_by_role("button", name="Add a volume").click()
    expect(page.get_by_label("The command", exact=True)).to_have_text(
        "kohakuriver vps create lab --cores 0.1 --memory 64Mi "
        f"--image {BUSYBOX} --volume home:/root --public-key-string '{KEY}'"
    )
    expect(page.locator(".cm-content")).to_contain_text("target: /root")
    expect(page.get_by_text("The server takes this.")).to_be_visible()
    for scheme, size in (("light", WIDE), ("dark", NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        assert broken_rules(page) == []
        assert not overflows(page)
    page.set_viewport_size(WIDE)
    assert cluster.cli("get", "vps", "lab").code == 1, "nothing is created before somebody presses"

    page.evaluate("globalThis.loadedOnce = true")
    page.get_by_role("button", name="Create lab").click()
    expect(page).to_have_url(re.compile("/ui/vps/default/lab/overview$"))
    expect(page.locator(".vps-title").get_by_text("running")).to_be_visible()
    assert page.evaluate("globalThis.loadedOnce")
    spec = cluster.get("lab")["spec"]
    assert spec["ssh"] == {"authorizedKeys": [KEY]}
    assert [(one["name"], one["target"]) for one in spec["volumes"]] == [("home", "/root")]

    page.get_by_role("link", name="Create", exact=True).click()
    expect(page.get_by_label("Public keys, one a line", exact=True)).to_have_value(KEY)


def test_refusals_are_told_at_their_fields_before_anything_is_created(
    cluster: Cluster, visitor: Visitor
) -> None:
    cluster.apply(a_manifest("taken"))
    page = visitor.goto("/create?name=taken")
    expect(page.locator(".create-field", has_text="already exists").get_by_label("Name")).to_be_visible()
    expect(page.get_by_role("button", name="Create taken")).to_be_disabled()
    page.get_by_label("Name", exact=True).fill("<img src=x onerror=alert(1)>")
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name", exact=True).fill("free")
    page.get_by_label("Cores", exact=True).fill("lots")
    wrong = page.locator(".create-field", has_text="Cores").locator(".create-wrong")
    expect(wrong).to_contain_text("lots")
    expect(page.locator(".yaml-problems")).to_contain_text("spec.resources.cores")
    page.get_by_label("Cores", exact=True).fill("1")
    page.get_by_label("Public keys, one a line", exact=True).fill("ssh-ed25519 AAAA")
    expect(page.get_by_label("Public keys, one a line", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Public keys, one a line", exact=True).fill("")
    page.get_by_label("Memory", exact=True).fill("900Gi")
    expect(page.locator(".create-warning")).to_contain_text("is short of memory: need 900Gi")
    assert page.locator("main img").count() == 0
    assert cluster.cli("get", "vps", "free").code == 1


def test_the_yaml_leads_the_form_and_keeps_what_that_does_not_show(visitor: Visitor) -> None:
    page = visitor.goto("/create?name=led")
    page.locator(".cm-line", has_text="memory: 1Gi").click()
    page.keyboard.press("End")
    page.keyboard.type("\n# mine\npriority: 5")
    page.locator(".cm-line", has_text="priority").click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+Home")
    page.keyboard.type("  ")
    expect(page.get_by_text("The form does not show, and leaves as it is: spec.priority")).to_be_visible()
    expect(page.get_by_text("The server takes this.")).to_be_visible()
    assert command(page) == "kohakuriver apply -f led.yaml"
    page.get_by_role("button", name="Small").click()
    expect(page.locator(".cm-content")).to_contain_text("memory: 256M")
    text = yaml_of(page)
    assert "# mine" in text and "priority: 5" in text

    page.locator(".cm-line", has_text="memory: 256M").click()
    page.keyboard.press("End")
    page.keyboard.type(": {")
    expect(page.get_by_text("The form waits until the YAML can be read.")).to_be_visible()
    expect(page.get_by_label("Cores", exact=True)).to_be_disabled()
